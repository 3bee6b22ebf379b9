"""Every family that is served, in the order in which it is served.

Gauges in base units; timestamps are seconds since the epoch. `target` is the target's address (kafka://prod). Sums over
partitions are left out while one of the partitions is not known.
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
GROUP_STATE: Final = Family("mqcanary_group_state", "gauge", "1 for the state that the consumer group is in.")
GROUP_MEMBERS: Final = Family("mqcanary_group_members", "gauge", "Members of a consumer group, 0 if it is empty.")
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
PARTITION_COMMITTED: Final = Family(
    "mqcanary_group_partition_committed_offset", "gauge", "The first record that a consumer group has not read yet."
)
PARTITION_END: Final = Family("mqcanary_topic_partition_log_end_offset", "gauge", "Log end offset of one partition.")

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
    BROKER_BUDGET,
    FINDINGS,
    GAPS,
    ALERTS,
    GROUP_LAG,
    GROUP_LAG_SECONDS,
    GROUP_LAG_AT_LEAST,
    GROUP_STATE,
    GROUP_MEMBERS,
    TOPIC_END,
    TOPIC_SKEW,
    PARTITION_LAG,
    PARTITION_COMMITTED,
    PARTITION_END,
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
