"""Kafka's error codes as reasons: what each says about an item that was asked for.

Source: the protocol guide's table of error codes (kafka.apache.org/protocol).
"""

from checks.facts.unknown import Unknown, Why

UNKNOWN_TOPIC = 3
LEADER_NOT_AVAILABLE = 5
COORDINATOR_LOADING = 14
COORDINATOR_NOT_AVAILABLE = 15
NOT_COORDINATOR = 16
NOT_LEADER = 6
TOPIC_DENIED = 29
GROUP_DENIED = 30
CLUSTER_DENIED = 31
GROUP_NOT_FOUND = 69

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
    35: (Why.UNSUPPORTED, "UNSUPPORTED_VERSION"),
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
}


def code_name(code: int) -> str:
    """Kafka's name of an error code; a code of a newer broker keeps its number."""
    return _NAMES.get(code, (Why.UNREACHABLE, f"error {code}"))[1]


def refused(code: int, what: str, close: str = "") -> Unknown:
    """Why an item is not known, from the error code that was answered for it."""
    why, name = _NAMES.get(code, (Why.UNREACHABLE, f"error {code}"))
    return Unknown(why, f"{what}: {name}", close)
