"""Every family that is served, in the order in which it is served.

Gauges in base units; timestamps are seconds since the epoch. `target` is the target's address (kafka://prod). Sums over
partitions are left out while one of the partitions is not known, but for those that say "at least".
"""

from typing import Final

from agent.metrics.text import Family

UP: Final = Family("mqcanary_target_up", "gauge", "Whether the last look at the target saw it.")
LAST_SUCCESS: Final = Family(
    "mqcanary_target_last_success_timestamp_seconds", "gauge", "When the values served for the target were observed."
)
LOOK_SECONDS: Final = Family("mqcanary_target_look_duration_seconds", "gauge", "How long the last look took.")
LOOKS: Final = Family("mqcanary_target_looks_total", "counter", "Looks at the target.")
FAILURES: Final = Family("mqcanary_target_look_failures_total", "counter", "Looks that saw nothing of the target.")
MISSES: Final = Family("mqcanary_target_look_deadline_misses_total", "counter", "Looks given up at their deadline.")
OVERRUNS: Final = Family(
    "mqcanary_target_look_overruns_total", "counter", "Looks that were due while the one before still ran."
)
API_CALLS: Final = Family(
    "mqcanary_api_calls_total", "counter", "Calls to the target by operation and result: ok, or a cause."
)
BROKER_REQUESTS: Final = Family("mqcanary_broker_requests_total", "counter", "Requests that a Kafka broker was asked.")
BROKER_THROTTLED: Final = Family(
    "mqcanary_broker_throttle_seconds_total",
    "counter",
    "Seconds for which a Kafka broker said that it holds the agent's requests up, by a quota.",
)
BROKER_BUDGET: Final = Family(
    "mqcanary_broker_requests_budget",
    "gauge",
    "Requests that each broker of the target may be asked in one look, if limited.",
)

FINDINGS: Final = Family("mqcanary_findings", "gauge", "Problems found, by check and severity.")
GAPS: Final = Family("mqcanary_gaps", "gauge", "What could not be judged, by reason.")
ALERTS: Final = Family("mqcanary_alerts", "gauge", "Alerts by phase; ended ones are kept for a while.")

GROUP_LAG: Final = Family(
    "mqcanary_group_lag_records", "gauge", "Records that a consumer group has not read yet, over all partitions."
)
GROUP_LAG_LEAST: Final = Family(
    "mqcanary_group_lag_at_least_records",
    "gauge",
    "As mqcanary_group_lag_records where that is known, else over those partitions of which it is known.",
)
GROUP_UNKNOWN: Final = Family(
    "mqcanary_group_unknown_partitions",
    "gauge",
    "Partitions of which the lag of a consumer group is not known at the moment; no series where there is none.",
)
GROUP_LAG_SECONDS: Final = Family(
    "mqcanary_group_lag_seconds",
    "gauge",
    "How long the oldest unread record has been waiting, by its timestamp or the history of log ends, to 1 s or 2 %. Where "
    "timestamps do not run one way, a record counts as no older than the youngest one before it.",
)
GROUP_LAG_AT_LEAST: Final = Family(
    "mqcanary_group_lag_at_least_seconds",
    "gauge",
    "As mqcanary_group_lag_seconds where that is known, else how long the oldest unread record is proven to wait.",
)
GROUP_STATE: Final = Family(
    "mqcanary_group_state",
    "gauge",
    "1 for the state that the consumer group is in, with its kind: classic, consumer, ...",
)
GROUP_MEMBERS: Final = Family("mqcanary_group_members", "gauge", "Members of a consumer group, 0 if it is empty.")
GROUP_LAST: Final = Family(
    "mqcanary_group_last_success_timestamp_seconds",
    "gauge",
    "When the oldest of what is served of a consumer group was observed; no series where all of it is of the last look.",
)
TOPIC_LAST: Final = Family(
    "mqcanary_topic_last_success_timestamp_seconds",
    "gauge",
    "When the oldest of what is served of a topic was observed; no series where all of it is of the last look.",
)
QUEUE_LAST: Final = Family(
    "mqcanary_queue_last_success_timestamp_seconds",
    "gauge",
    "When what is served of a queue was observed; no series where that is the last look.",
)
UNTIMED: Final = Family(
    "mqcanary_untimed_offsets",
    "gauge",
    "Committed offsets with unread records, and beginnings of transactions that stay open, of which look-ups by time have not told, to a second or a fiftieth, since when they wait.",
)
BROKERS: Final = Family("mqcanary_brokers", "gauge", "Brokers of a cluster that are up.")
BROKER_BYTES: Final = Family(
    "mqcanary_broker_log_bytes", "gauge", "Bytes of all replicas in the log directories of a broker."
)
TOPIC_PARTITIONS: Final = Family("mqcanary_topic_partitions", "gauge", "Partitions of a topic.")
TOPIC_OFFLINE: Final = Family("mqcanary_topic_offline_partitions", "gauge", "Partitions of a topic without a leader.")
TOPIC_UNDER_REPLICATED: Final = Family(
    "mqcanary_topic_under_replicated_partitions",
    "gauge",
    "Partitions of a topic that have a leader and fewer in-sync replicas than replicas.",
)
TOPIC_IN_SYNC: Final = Family(
    "mqcanary_topic_fewest_in_sync_replicas",
    "gauge",
    "In-sync replicas of that partition of a topic which has the fewest; 0 for one without a leader.",
)
TOPIC_BYTES: Final = Family(
    "mqcanary_topic_log_bytes", "gauge", "Bytes of a topic's logs, each partition once, as its leader has it."
)
TOPIC_END: Final = Family(
    "mqcanary_topic_log_end_offset", "gauge", "Log end offsets of a topic, summed over its partitions."
)
TOPIC_SKEW: Final = Family(
    "mqcanary_topic_partition_skew_ratio",
    "gauge",
    "Records written to the busiest partition of a topic over those of the median one, in the last 10 minutes or less.",
)
PARTITION_LAG: Final = Family(
    "mqcanary_group_partition_lag_records", "gauge", "Records of one partition that a consumer group has not read yet."
)
PARTITION_SECONDS: Final = Family(
    "mqcanary_group_partition_lag_seconds",
    "gauge",
    "As mqcanary_group_lag_seconds, of one partition with something to read; no series where all is read.",
)
PARTITION_COMMITTED: Final = Family(
    "mqcanary_group_partition_committed_offset", "gauge", "The first record that a consumer group has not read yet."
)
PARTITION_END: Final = Family("mqcanary_topic_partition_log_end_offset", "gauge", "Log end offset of one partition.")
PARTITION_START: Final = Family(
    "mqcanary_topic_partition_log_start_offset",
    "gauge",
    "Log start offset of one partition: the first record that is left.",
)

QUEUE_VISIBLE: Final = Family("mqcanary_queue_visible_messages", "gauge", "Messages that wait in a queue.")
QUEUE_IN_FLIGHT: Final = Family(
    "mqcanary_queue_in_flight_messages", "gauge", "Messages that were received and neither deleted nor returned yet."
)
QUEUE_DELAYED: Final = Family("mqcanary_queue_delayed_messages", "gauge", "Messages that can't be received yet.")
DEAD_LETTERS: Final = Family(
    "mqcanary_dead_letter_queue_messages", "gauge", "Messages that wait in a queue that others redrive into."
)

DELIVERIES: Final = Family(
    "mqcanary_deliveries", "gauge", "Messages on their way, by state; parked ones need somebody."
)
OLDEST_DELIVERY: Final = Family(
    "mqcanary_oldest_delivery_created_timestamp_seconds", "gauge", "When the oldest undelivered message was created."
)
SENT: Final = Family("mqcanary_delivery_attempts_total", "counter", "Answers of a sink, by outcome.")

CONFIG_OK: Final = Family(
    "mqcanary_config_last_reload_successful", "gauge", "0: the last configuration was refused, the former is in force."
)
STATE_SAVED: Final = Family(
    "mqcanary_state_last_save_successful",
    "gauge",
    "0: the state can't be written; alerts go out all the same, and say so.",
)
JUDGED: Final = Family("mqcanary_judged_timestamp_seconds", "gauge", "When the judge last finished something.")
STARTED: Final = Family("mqcanary_started_timestamp_seconds", "gauge", "When the agent was started.")
BUILD: Final = Family("mqcanary_build_info", "gauge", "1, with the versions as labels.")
DROPPED: Final = Family(
    "mqcanary_series_dropped", "gauge", "Series left out because their family is at its cap (the last by name)."
)

FAMILIES: Final = (
    UP,
    LAST_SUCCESS,
    LOOK_SECONDS,
    LOOKS,
    FAILURES,
    MISSES,
    OVERRUNS,
    API_CALLS,
    BROKER_REQUESTS,
    BROKER_THROTTLED,
    BROKER_BUDGET,
    FINDINGS,
    GAPS,
    ALERTS,
    UNTIMED,
    BROKERS,
    BROKER_BYTES,
    GROUP_LAST,
    GROUP_LAG,
    GROUP_LAG_LEAST,
    GROUP_UNKNOWN,
    GROUP_LAG_SECONDS,
    GROUP_LAG_AT_LEAST,
    GROUP_STATE,
    GROUP_MEMBERS,
    TOPIC_LAST,
    TOPIC_PARTITIONS,
    TOPIC_OFFLINE,
    TOPIC_UNDER_REPLICATED,
    TOPIC_IN_SYNC,
    TOPIC_BYTES,
    TOPIC_END,
    TOPIC_SKEW,
    PARTITION_LAG,
    PARTITION_SECONDS,
    PARTITION_COMMITTED,
    PARTITION_START,
    PARTITION_END,
    QUEUE_LAST,
    QUEUE_VISIBLE,
    QUEUE_IN_FLIGHT,
    QUEUE_DELAYED,
    DEAD_LETTERS,
    DELIVERIES,
    OLDEST_DELIVERY,
    SENT,
    CONFIG_OK,
    STATE_SAVED,
    JUDGED,
    STARTED,
    BUILD,
)
"""All but DROPPED, which speaks of these."""
