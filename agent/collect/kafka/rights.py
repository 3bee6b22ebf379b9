"""The rights that the collector of a cluster uses, declared once: gaps, `mqcanary doctor` and the documentation read them here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from checks.wording import shell


@dataclass(frozen=True, slots=True)
class Right:
    """One operation on one kind of resource, as Kafka's authorizer has them."""

    operation: str
    """As kafka-acls.sh writes it."""
    kind: str
    """topic, group, transactional-id or cluster."""
    calls: tuple[str, ...]
    """The APIs that it lets through."""
    sections: tuple[str, ...]
    """Fields of the snapshot that are Unknown without it."""
    cost: str
    """What is not seen without it, in words."""
    iam: str
    """The action that allows the same on Amazon MSK with IAM access control, without `kafka-cluster:`."""
    extra: bool = False
    """Nothing is a gap without it: it is for sampling, which is by choice, or tells more of what is found anyway."""

    @property
    def name(self) -> str:
        """`DESCRIBE_CONFIGS on topics`."""
        return f"{self.code} on {'the cluster' if self.kind == 'cluster' else f'{self.kind}s'}"

    @property
    def code(self) -> str:
        """The operation as the protocol names it: DESCRIBE_CONFIGS."""
        return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(self.operation)).upper()

    def close(self, name: str = "") -> str:
        """What makes known what it was missing for; `name`: for one resource alone."""
        where = "the cluster" if self.kind == "cluster" else f"{self.kind} {name}" if name else f"the {self.kind}s"
        return f"grant {self.code} on {where}"

    def remedy(self, name: str) -> str:
        """The same for one resource, with the command."""
        return f"{self.close(name)}: {command('User:NAME', [self], name)}"


DESCRIBE_TOPIC = Right(
    "Describe",
    "topic",
    ("Metadata", "DescribeTopicPartitions", "ListOffsets", "OffsetFetch"),
    ("topics", "eligible", "ends", "lookups", "newest"),
    "nothing of those topics is seen, and no lag of the groups that read them",
    "DescribeTopic",
)
DESCRIBE_CONFIGS_TOPIC = Right(
    "DescribeConfigs",
    "topic",
    ("DescribeConfigs",),
    ("topic_configs",),
    "how topics are set is not seen",
    "DescribeTopicDynamicConfiguration",
)
DESCRIBE_GROUP = Right(
    "Describe",
    "group",
    (
        "DescribeGroups",
        "ConsumerGroupDescribe",
        "ShareGroupDescribe",
        "DescribeShareGroupOffsets",
        "StreamsGroupDescribe",
        "FindCoordinator",
        "OffsetFetch",
    ),
    ("groups", "committed"),
    "no lag of those groups",
    "DescribeGroup",
)
DESCRIBE_CLUSTER = Right(
    "Describe",
    "cluster",
    ("ListGroups", "DescribeLogDirs", "ListPartitionReassignments", "DescribeQuorum"),
    ("storage", "reassignments", "quorum"),
    "the list of groups may be incomplete, and neither disks nor reassignments nor the quorum of controllers are seen",
    "DescribeCluster",
)
DESCRIBE_CONFIGS_CLUSTER = Right(
    "DescribeConfigs",
    "cluster",
    ("DescribeConfigs", "DescribeClientQuotas"),
    ("broker_configs", "quotas"),
    "how brokers are set is not seen, and no quota is told that keeps a group from catching up",
    "DescribeClusterDynamicConfiguration",
)
READ_TOPIC = Right(
    "Read",
    "topic",
    ("Fetch", "DescribeProducers"),
    ("samples",),
    "their records are not sampled, and which producer holds a transaction open is not told",
    "ReadData",
    extra=True,
)
DESCRIBE_TRANSACTIONAL_ID = Right(
    "Describe",
    "transactional-id",
    ("ListTransactions", "DescribeTransactions"),
    (),
    "the transactional id of that producer is not told, nor when its transaction began",
    "DescribeTransactionalId",
    extra=True,
)

RIGHTS = (
    DESCRIBE_TOPIC,
    DESCRIBE_CONFIGS_TOPIC,
    READ_TOPIC,
    DESCRIBE_TRANSACTIONAL_ID,
    DESCRIBE_GROUP,
    DESCRIBE_CLUSTER,
    DESCRIBE_CONFIGS_CLUSTER,
)
FREE = ("ApiVersions", "SaslHandshake", "SaslAuthenticate")
"""APIs that ask for no right."""


def command(principal: str, rights: Sequence[Right], name: str = "*", *, prefixed: bool = False) -> str:
    """The kafka-acls.sh command that grants rights on one kind of resource; `principal` as User:NAME."""
    kind = rights[0].kind
    words = ["kafka-acls.sh --bootstrap-server $BOOTSTRAP --add", f"--allow-principal {shell(principal)}"]
    words += [f"--operation {right.operation}" for right in rights]
    words.append("--cluster" if kind == "cluster" else f"--{kind} {shell(name)}")
    if prefixed:
        words.append("--resource-pattern-type prefixed")
    return " ".join(words)


def commands(principal: str, *, sampled: Sequence[str] = ()) -> list[str]:
    """All that a collector needs to see a whole cluster; `sampled` names the topics whose records it reads."""
    kinds = dict.fromkeys(right.kind for right in RIGHTS if not right.extra)
    every = [command(principal, [r for r in RIGHTS if r.kind == kind and not r.extra]) for kind in kinds]
    reading = [READ_TOPIC]
    return every + [command(principal, reading, name) for name in sampled]


def statement(actions: Sequence[str], kind: str, name: str = "*", region: str = "us-east-1") -> dict[str, Any]:
    """The IAM statement that allows actions of kafka-cluster on one kind of resource; account and cluster are to be filled in."""
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    resource = f"arn:{partition}:kafka:{region}:123456789012:{kind}/CLUSTER/UUID" + (
        "" if kind == "cluster" else f"/{name}"
    )
    return {"Effect": "Allow", "Action": [f"kafka-cluster:{action}" for action in actions], "Resource": resource}


def msk_policy() -> dict[str, Any]:
    """All that a collector needs on Amazon MSK with IAM access control; Connect is what lets it in."""
    kinds = dict.fromkeys(right.kind for right in RIGHTS if not right.extra)
    actions = {kind: [right.iam for right in RIGHTS if right.kind == kind and not right.extra] for kind in kinds}
    actions["cluster"].insert(0, "Connect")
    return {"Version": "2012-10-17", "Statement": [statement(actions[kind], kind) for kind in kinds]}
