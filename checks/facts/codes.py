"""Kafka's error codes as reasons: what each says about an item that was asked for.

Source: the protocol guide's table of error codes (kafka.apache.org/protocol). Where columns hold a code for each row, ours stand
among them for what no broker says: Kafka's are -1 and above.
"""

from checks.facts.unknown import Unknown, Why
from checks.wording import shell, span

UNKNOWN_TOPIC = 3
LEADER_NOT_AVAILABLE = 5
COORDINATOR_LOADING = 14
COORDINATOR_NOT_AVAILABLE = 15
NOT_COORDINATOR = 16
NOT_LEADER = 6
TOPIC_DENIED = 29
GROUP_DENIED = 30
CLUSTER_DENIED = 31
UNSUPPORTED_VERSION = 35
GROUP_NOT_FOUND = 69

BUDGET_SPENT = -1001
"""Ours: the broker had been asked as often as it may be in one look."""
NOT_SHOWN = -1002
"""Ours: the topic is in no list, and nobody has said that it is not there."""
LEFT_OUT = -1003
"""Ours: the topic is not looked at by choice."""
_THROTTLED = -2000
"""Ours, less the seconds for which its broker has held us up by a quota: no time was left for an answer."""
_LONGEST = 30_000

_NAMES = {
    -1: (Why.UNREACHABLE, "UNKNOWN_SERVER_ERROR"),
    1: (Why.UNSUPPORTED, "OFFSET_OUT_OF_RANGE"),
    UNKNOWN_TOPIC: (Why.UNREACHABLE, "UNKNOWN_TOPIC_OR_PARTITION"),
    LEADER_NOT_AVAILABLE: (Why.UNREACHABLE, "LEADER_NOT_AVAILABLE"),
    NOT_LEADER: (Why.UNREACHABLE, "NOT_LEADER_OR_FOLLOWER"),
    7: (Why.DEADLINE, "REQUEST_TIMED_OUT"),
    8: (Why.UNREACHABLE, "BROKER_NOT_AVAILABLE"),
    9: (Why.UNREACHABLE, "REPLICA_NOT_AVAILABLE"),
    13: (Why.UNREACHABLE, "NETWORK_EXCEPTION"),
    COORDINATOR_LOADING: (Why.UNREACHABLE, "COORDINATOR_LOAD_IN_PROGRESS"),
    COORDINATOR_NOT_AVAILABLE: (Why.UNREACHABLE, "COORDINATOR_NOT_AVAILABLE"),
    NOT_COORDINATOR: (Why.UNREACHABLE, "NOT_COORDINATOR"),
    TOPIC_DENIED: (Why.DENIED, "TOPIC_AUTHORIZATION_FAILED"),
    GROUP_DENIED: (Why.DENIED, "GROUP_AUTHORIZATION_FAILED"),
    CLUSTER_DENIED: (Why.DENIED, "CLUSTER_AUTHORIZATION_FAILED"),
    UNSUPPORTED_VERSION: (Why.UNSUPPORTED, "UNSUPPORTED_VERSION"),
    42: (Why.UNSUPPORTED, "INVALID_REQUEST"),
    43: (Why.UNSUPPORTED, "UNSUPPORTED_FOR_MESSAGE_FORMAT"),
    56: (Why.UNREACHABLE, "KAFKA_STORAGE_ERROR"),
    58: (Why.DENIED, "SASL_AUTHENTICATION_FAILED"),
    GROUP_NOT_FOUND: (Why.UNREACHABLE, "GROUP_ID_NOT_FOUND"),
    72: (Why.UNREACHABLE, "LISTENER_NOT_FOUND"),
    74: (Why.UNREACHABLE, "FENCED_LEADER_EPOCH"),
    76: (Why.UNREACHABLE, "UNKNOWN_LEADER_EPOCH"),
    78: (Why.UNREACHABLE, "OFFSET_NOT_AVAILABLE"),
    88: (Why.UNREACHABLE, "UNSTABLE_OFFSET_COMMIT"),
    89: (Why.UNREACHABLE, "THROTTLING_QUOTA_EXCEEDED"),
    100: (Why.UNREACHABLE, "UNKNOWN_TOPIC_ID"),
    BUDGET_SPENT: (Why.DEADLINE, "its broker was asked all that `requests` allows in one look"),
    NOT_SHOWN: (Why.DENIED, "the topic is not shown to us: denied, or deleted"),
    LEFT_OUT: (Why.OFF, "the topic is left out by choice"),
}

MORE_REQUESTS = "raise `requests` of the cluster, or look at less of it: mqcanary doctor says how many a look takes"
LESS_THROTTLE = "raise request_percentage of client id mqcanary, or of its user (kafka-configs.sh)"
_CLOSE = {BUDGET_SPENT: MORE_REQUESTS}


def throttled(seconds: float) -> int:
    """The code of what was not answered because a quota held us up for so long."""
    return _THROTTLED - min(max(1, round(seconds)), _LONGEST)


def code_name(code: int) -> str:
    """Kafka's name of an error code; a code of a newer broker keeps its number, and ours are told in words."""
    return _named(code)[1]


def refused(code: int, what: str, close: str = "") -> Unknown:
    """Why an item is not known, from the error code that was answered for it."""
    why, name = _named(code)
    close = close or _CLOSE.get(code, LESS_THROTTLE if _held_up(code) else "")
    return Unknown(why, f"{what}: {name}", close)


def topic_refused(code: int, what: str, topic: str) -> Unknown:
    """As `refused`, for something of a topic: with the right that shows it, where that is what may be missing."""
    return refused(code, what, describe_topic(topic) if code in (TOPIC_DENIED, NOT_SHOWN) else "")


def describe_topic(topic: str) -> str:
    """What makes a topic known that may not be described."""
    command = "kafka-acls.sh --bootstrap-server $BOOTSTRAP --add --allow-principal User:NAME --operation Describe"
    return f"grant DESCRIBE on topic {topic}: {command} --topic {shell(topic)}"


def _named(code: int) -> tuple[Why, str]:
    if _held_up(code):
        return Why.DEADLINE, f"throttled by its broker for {span(_THROTTLED - code)}"
    return _NAMES.get(code, (Why.UNREACHABLE, f"error {code}"))


def _held_up(code: int) -> bool:
    return _THROTTLED - _LONGEST <= code < _THROTTLED
