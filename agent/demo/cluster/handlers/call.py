"""What every handler is given, and the error codes that they say."""

from dataclasses import dataclass

from agent.demo.cluster.faults import ItemErrors
from agent.demo.cluster.model import Model, Rights

NONE = 0
OFFSET_OUT_OF_RANGE = 1
UNKNOWN_TOPIC_OR_PARTITION = 3
LEADER_NOT_AVAILABLE = 5
NOT_LEADER_OR_FOLLOWER = 6
COORDINATOR_NOT_AVAILABLE = 15
NOT_COORDINATOR = 16
TOPIC_AUTHORIZATION_FAILED = 29
GROUP_AUTHORIZATION_FAILED = 30
CLUSTER_AUTHORIZATION_FAILED = 31
UNSUPPORTED_SASL_MECHANISM = 33
ILLEGAL_SASL_STATE = 34
UNSUPPORTED_VERSION = 35
INVALID_REQUEST = 42
SASL_AUTHENTICATION_FAILED = 58
GROUP_ID_NOT_FOUND = 69
FENCED_LEADER_EPOCH = 74
UNKNOWN_LEADER_EPOCH = 75
UNKNOWN_TOPIC_ID = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One request's circumstances: the `broker` that got it, its `version`, and what its principal may."""

    model: Model
    broker: int
    version: int
    rights: Rights
    errors: ItemErrors
    versions: dict[int, tuple[int, int]]

    def coordinating(self, group: str) -> int:
        """The error of a request about `group` that this broker must refuse, or NONE: faults first, then rights."""
        if error := self.errors.group(group):
            return error
        if group not in self.rights.groups:
            return GROUP_AUTHORIZATION_FAILED
        return NONE if self.model.coordinator_of(group) == self.broker else NOT_COORDINATOR
