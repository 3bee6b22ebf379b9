"""What is planted for the audit: for each check a resource that has its fault, and a look-alike that only seems to have it.

A look-alike comes from what a check is silent about. The few that no server accepts are in BY_STUB.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.live.planting import FORTNIGHT, Group, Queue, Records, Things, Told, Topic, arn

CLUSTER, DEV = "trio", "dev"
HOUR, DAY = 3600.0, 86400
POLLS, EVERY, WINDOW = 5, 2, 8
"""Polls of an audit, seconds between them, and what limits of minutes are lowered to: three polls at least lie in it."""
DEAD = 3
"""The broker that is killed for the last audit."""

LONG = {"retention.ms": str(1000 * FORTNIGHT)}
SHORT = {"retention.ms": str(24 * 60_000)}
WAITING = (Records(9, age=20 * 60.0),)
EVEN = (0, 1, 2)


@dataclass(frozen=True)
class Row:
    check: str
    planted: Things
    """The first of them has the fault; the others belong to it and are sound."""
    alike: Things
    """The first of them must not be taken for it; the same for the others."""
    also: tuple[str, ...] = ()
    """Other checks that rightly speak of what is planted: one fault may come with another."""
    limits: Mapping[str, object] = field(default_factory=dict)
    """Lowered, where a test can't reach the state."""
    declared: Mapping[str, object] = field(default_factory=dict)
    """What somebody says of the look-alike alone, where nothing but that tells it from the fault."""

    @property
    def resource(self) -> str:
        return next(iter(self.planted))

    @property
    def look_alike(self) -> str:
        return next(iter(self.alike))


def keyed(n: int, partitions: tuple[int, ...] = EVEN, **more: Any) -> Topic:
    return Topic(3, holds=(Records(n, partitions, **more),))


def letters(source: str, suffix: str, dead: Topic) -> Things:
    """A dead-letter topic and the topic of its source."""
    return {f"{source}{suffix}": dead, source: Topic()}


OPEN = {"Effect": "Allow", "Action": "sqs:SendMessage"}
TLS = {"Effect": "Deny", "tls": "false"}

SOUND: Things = {
    "sound-orders": keyed(20),
    "sound-orders.dlq": Topic(config=LONG),
    "sound-app": Group("sound-orders", {0: 20, 1: 20, 2: 20}),
    "sound-jobs": Queue(),
    "sound-dlq": Queue(None, retention=FORTNIGHT),
}

ROWS = (
    # ── configuration of topics and brokers ──
    Row(
        "kafka/auto-create-topics",
        {CLUSTER: Told("auto.create.topics.enable is true on one of three brokers")},
        {DEV: Told("it is true on the broker of a cluster of one")},
    ),
    Row(
        "kafka/broker-imbalance",
        {
            CLUSTER: Told("it leads one topic, of many partitions, on one broker"),
            "bad-crowd": Topic(15, replicas=(1, 2, 3)),
        },
        {DEV: Told("one broker leads everything, since there is no other")},
    ),
    Row(
        "kafka/feature-level-behind",
        {CLUSTER: Told("somebody took transaction.version down a level")},
        {DEV: Told("it is as its broker came; kraft.version is 0, since its quorum is static")},
    ),
    Row(
        "kafka/flush-interval-set",
        {"bad-flush": Topic(config={"flush.messages": "10"})},
        {"fine-flush": Topic(config={"flush.messages": "10"}, dev=True)},
    ),
    Row(
        "kafka/min-insync-unsafe",
        {"bad-insync": Topic(config={"min.insync.replicas": "1"})},
        {"fine-insync": Topic(config={"min.insync.replicas": "1"}, dev=True)},
    ),
    Row(
        "kafka/replicas-share-rack",
        {"bad-rack": Topic(replicas=(1, 2))},
        {"fine-rack": Topic(replicas=(1, 2, 3))},
        also=("kafka/replication-factor-low", "kafka/min-insync-unsafe"),
    ),
    Row(
        "kafka/replication-factor-low",
        {"bad-single": Topic(replicas=(1,))},
        {"fine-single": Topic(dev=True)},
    ),
    Row(
        "kafka/retention-infinite",
        {"bad-infinite": Topic(config={"retention.ms": "-1"})},
        {"fine-infinite": Topic(config={"retention.ms": "-1", "cleanup.policy": "compact"})},
    ),
    Row(
        "kafka/unclean-election-enabled",
        {"bad-unclean": Topic(config={"unclean.leader.election.enable": "true"})},
        {"fine-unclean": Topic(config={"unclean.leader.election.enable": "true"}, dev=True)},
    ),
    # ── dead letters ──
    Row(
        "kafka/dlq-missing",
        {"bad-undead": Group("bad-undead-orders"), "bad-undead-orders": Topic()},
        {"fine-spring": Group("fine-spring-orders"), **letters("fine-spring-orders", "-dlt", Topic(config=LONG))},
    ),
    Row(
        "kafka/dlq-growing",
        {
            **letters("bad-growing", ".dlq", Topic(config=LONG, each=(Records(1),))),
            "bad-growing-reader": Group("bad-growing.dlq", {0: 0}, members=0),
        },
        {
            **letters("fine-growing", ".dlq", Topic(config=LONG, holds=(Records(20),), each=(Records(1),))),
            "fine-growing-triage": Group("fine-growing.dlq", {0: 0}, members=0, each={0: 1}),
        },
        limits={"window": f"{WINDOW}s"},
    ),
    Row(
        "kafka/dlq-retention-short",
        letters("bad-short", ".dlq", Topic(config={"retention.ms": str(1000 * DAY)})),
        letters("fine-short", ".dlq", Topic(config={"retention.ms": str(1000 * DAY), "cleanup.policy": "compact"})),
    ),
    Row(
        "kafka/dlq-unread",
        letters("bad-unread", ".dlq", Topic(config=LONG, holds=(Records(3),))),
        {
            **letters("fine-unread", ".dlq", Topic(config=LONG, holds=(Records(3),))),
            "fine-unread-reader": Group("fine-unread.dlq", {0: 1}, members=0),
        },
    ),
    # ── groups ──
    Row(
        "kafka/group-lagging",
        {
            "bad-late": Group("bad-late-orders", {0: 3}, members=0),
            "bad-late-orders": Topic(holds=(Records(9, age=HOUR),)),
        },
        {"fine-late": Group("fine-idle", {0: 9}, members=0), "fine-idle": Topic(holds=(Records(9, age=HOUR),))},
        limits={"slo": "30m"},
    ),
    Row(
        "kafka/group-stalled",
        {
            "bad-stalled": Group("bad-stalled-orders", {0: 2}),
            **letters("bad-stalled-orders", "-dlq", Topic(config=LONG)),
            "bad-stalled-orders": Topic(holds=(Records(9),)),
        },
        {
            "fine-seldom": Group("fine-seldom-orders", {0: 2, 1: 1}, each={0: 1}),
            **letters("fine-seldom-orders", "-dlq", Topic(config=LONG)),
            "fine-seldom-orders": Topic(2, holds=(Records(9, (0, 1)),), each=(Records(1),)),
        },
        limits={"window": f"{EVERY}s"},
    ),
    Row(
        "kafka/group-stopped",
        {
            "bad-stopped": Group("bad-stopped-orders", {0: 3}, stays=False),
            "bad-stopped-orders": Topic(holds=(Records(9, age=HOUR),)),
        },
        {"fine-cron": Group("fine-cron-orders", {0: 3}, stays=False), "fine-cron-orders": Topic(holds=(Records(9),))},
        also=("kafka/group-lagging",),
        limits={"slo": "30m", "grace": "30m"},
    ),
    Row(
        "kafka/idle-members",
        {
            "bad-idle": Group("bad-idle-orders", members=2),
            **letters("bad-idle-orders", ".dlq", Topic(config=LONG)),
        },
        {
            "fine-standby": Group("fine-standby-orders", members=2),
            **letters("fine-standby-orders", ".dlq", Topic(config=LONG)),
        },
        declared={"spare": 1},
    ),
    Row(
        "kafka/lag-on-one-partition",
        {
            "bad-poisoned": Group("bad-poisoned-orders", {0: 9, 1: 9, 2: 1}, each={0: 1}),
            **letters("bad-poisoned-orders", ".dlq", Topic(config=LONG)),
            "bad-poisoned-orders": Topic(3, holds=(Records(9, EVEN, age=HOUR),), each=(Records(1),)),
        },
        {
            "fine-catching-up": Group("fine-catching-up-orders", {0: 9, 1: 9, 2: 1}, each={0: 1}),
            **letters("fine-catching-up-orders", ".dlq", Topic(config=LONG)),
            "fine-catching-up-orders": Topic(3, holds=(Records(9, EVEN),), each=(Records(1),)),
        },
        also=("kafka/group-lagging",),
        limits={"slo": "30m", "window": f"{WINDOW}s"},
    ),
    Row(
        "kafka/lag-near-retention",
        {
            "bad-near": Group("bad-near-orders", {0: 3}, members=0),
            "bad-near-orders": Topic(config=SHORT, holds=WAITING),
        },
        {
            "fine-near": Group("fine-near-orders", {0: 3}, members=0),
            "fine-near-orders": Topic(config=SHORT | {"cleanup.policy": "compact"}, holds=WAITING),
        },
    ),
    Row(
        "kafka/records-lost",
        {
            "bad-lost": Group("bad-lost-orders", {0: 2}, members=0),
            "bad-lost-orders": Topic(holds=(Records(9),), deleted=5),
        },
        {
            "fine-lost": Group("fine-lost-orders", {0: 5}, members=0),
            "fine-lost-orders": Topic(holds=(Records(9),), deleted=5),
        },
    ),
    Row(
        "kafka/offset-beyond-end",
        {
            "bad-beyond": Group("bad-beyond-orders", {0: 99}, stays=False),
            "bad-beyond-orders": Topic(holds=(Records(9),)),
        },
        {
            "fine-mirror": Group("fine-mirror-orders", {0: 99}, members=0),
            "fine-mirror-orders": Topic(holds=(Records(9),)),
        },
    ),
    Row(
        "kafka/hanging-transaction",
        {"bad-open": Topic(undecided=Records(9, age=3600))},
        {"fine-open": Topic(undecided=Records(9, age=3600))},
        limits={"limit": "1s"},
        declared={"limit": "1h"},
    ),
    Row(
        "kafka/offset-rewound",
        {
            "bad-again": Group("bad-again-orders", {0: 9}, members=0, once={0: -5}),
            "bad-again-orders": Topic(holds=(Records(9),)),
        },
        {
            "fine-again": Group("fine-again-orders", {0: 9}, members=0, last={0: -1}),
            "fine-again-orders": Topic(holds=(Records(9),)),
        },
    ),
    Row(
        "kafka/unassigned-partition",
        {
            "bad-grown": Group("bad-grown-orders"),
            **letters("bad-grown-orders", ".dlq", Topic(config=LONG)),
            "bad-grown-orders": Topic(grown=2),
        },
        {"fine-grown": Group("fine-grown-orders", {0: 0}, stays=False), "fine-grown-orders": Topic(grown=2)},
    ),
    # ── where records go, and how they are written ──
    Row(
        "kafka/disk-filling",
        {CLUSTER: Told("a limit that any volume is over")},
        {CLUSTER: Told("a limit that hardly any volume is over, in the audit of look-alikes alone")},
    ),
    Row(
        "kafka/hot-partition",
        {"bad-hot-partition": Topic(3, each=(Records(100), Records(9, EVEN)))},
        {"fine-hot-partition": Topic(3, once=(Records(100),), each=(Records(9, EVEN),))},
        limits={"window": f"{WINDOW}s", "batch": 1},
    ),
    Row(
        "kafka/partition-size-skew",
        {"bad-skew": Topic(2, holds=(Records(300, size=1000), Records(9, (1,))))},
        {"fine-skew": Topic(2, {"cleanup.policy": "compact"}, holds=(Records(300, size=1000), Records(9, (1,))))},
        limits={"least": 200_000},
    ),
    Row(
        "kafka/unkeyed-producer",
        {"bad-records-unkeyed": Topic(3, holds=(Records(50, EVEN), Records(50, EVEN, key=None)))},
        {"fine-records-access-log": Topic(3, holds=(Records(50, EVEN), Records(50, EVEN, key=None)))},
    ),
    Row(
        "kafka/hot-key",
        {"bad-records-hot": Topic(3, holds=(Records(200, EVEN), Records(200, key="hot")))},
        {"fine-records-few": keyed(100, (0,), key="hot")},
        also=("kafka/uncompressed",),
    ),
    Row(
        "kafka/key-on-many-partitions",
        {"bad-records-split": keyed(9, (0, 1), key="split")},
        {"fine-records-spread": keyed(9, EVEN, key="spread on purpose")},
    ),
    Row(
        "kafka/producer-not-idempotent",
        {"bad-records-twice": keyed(8, by="old")},
        {"fine-records-some": Topic(3, holds=(Records(8, EVEN, by="singles"), Records(4, EVEN, "old {i}", by="old")))},
    ),
    Row(
        "kafka/tiny-batches",
        {"bad-records-tiny": Topic(3, holds=(Records(700, EVEN), Records(40, EVEN, "new {i}", by="pairs")))},
        {"fine-records-slow": keyed(8, by="singles")},
        also=("kafka/uncompressed",),
        limits={"per_second": 0.5},
    ),
    Row(
        "kafka/uncompressed",
        {"bad-records-large": keyed(12, size=2000, by="singles")},  # two of three partitions are enough to judge by
        {"fine-records-small": keyed(12, size=200, by="singles")},
    ),
    # ── a broker is dead, and with it the controller that it is too ──
    Row(
        "kafka/controller-quorum-lagging",
        {CLUSTER: Told("one of three controllers is dead in the last audit")},
        {DEV: Told("the only controller leads, and nobody may be lost")},
        limits={"behind": "2s"},
    ),
    Row(
        "kafka/offline-partition",
        {"hurt-lone": Topic(replicas=(DEAD,))},
        {"hurt-copied": Topic(replicas=(1, 2, DEAD))},
        also=("kafka/replication-factor-low",),
    ),
    Row(
        "kafka/under-min-isr",
        {"hurt-strict": Topic(replicas=(1, 2, DEAD), config={"min.insync.replicas": "3"})},
        {"hurt-copied": Topic(replicas=(1, 2, DEAD))},
        also=("kafka/under-replicated", "kafka/min-insync-unsafe"),
    ),
    Row(
        "kafka/under-replicated",
        {"hurt-copied": Topic(replicas=(1, 2, DEAD))},
        {"hurt-lone": Topic(replicas=(DEAD,))},
    ),
    # ── queues ──
    Row("sqs/dlq-missing", {"bad-undead-jobs": Queue(None)}, {"sound-dlq": Told("the dead-letter queue of others")}),
    Row(
        "sqs/dlq-not-empty",
        {"bad-full-dlq": Queue(None, holds=1, retention=FORTNIGHT), "bad-full": Queue("bad-full-dlq")},
        {"fine-flicker-dlq": Queue(None, last=1, retention=FORTNIGHT), "fine-flicker": Queue("fine-flicker-dlq")},
    ),
    Row(
        "sqs/dlq-retention-short",
        {"bad-short-jobs": Queue("bad-short-jobs-dlq"), "bad-short-jobs-dlq": Queue(None, retention=DAY)},
        {"fine-short.fifo": Queue("fine-short-dlq.fifo"), "fine-short-dlq.fifo": Queue(None, retention=DAY)},
    ),
    Row(
        "sqs/dlq-target-missing",
        {"bad-target": Queue("bad-target-dlq"), "bad-target-dlq": Queue(None, retention=FORTNIGHT, gone=True)},
        {"fine-target": Queue("elsewhere-dlq"), "elsewhere-dlq": Queue(None, retention=FORTNIGHT)},
    ),
    Row(
        "sqs/dlq-type-mismatch",
        {"bad-kind.fifo": Queue("bad-kind-dlq.fifo"), "bad-kind-dlq.fifo": Queue(None, retention=FORTNIGHT)},
        {"fine-kind.fifo": Queue("fine-kind-dlq.fifo"), "fine-kind-dlq.fifo": Queue(None, retention=FORTNIGHT)},
        also=("fifo/dlq-breaks-order",),
    ),
    Row(
        "sqs/encryption-off",
        {"bad-plain": Queue(encrypted={"SqsManagedSseEnabled": "false"})},
        {"fine-kms": Queue(encrypted={"SqsManagedSseEnabled": "false", "KmsMasterKeyId": "alias/mine"})},
    ),
    Row(
        "sqs/max-receive-count-low",
        {"bad-once": Queue(receives=1)},
        {"fine-once": Queue(receives=1)},
        declared={"least": 1},
    ),
    Row(
        "sqs/public-policy",
        {"bad-public": Queue(policy=(TLS, OPEN))},
        {"fine-public": Queue(policy=(TLS, OPEN | {"Condition": {"ArnLike": {"aws:SourceArn": arn("topic")}}}))},
    ),
    Row(
        "sqs/retention-default",
        {"bad-retention": Queue(retention=4 * DAY)},
        {"fine-default-dlq": Queue(None, retention=4 * DAY), "fine-default": Queue("fine-default-dlq", retention=DAY)},
    ),
    Row(
        "sqs/tls-not-forced",
        {"bad-tls": Queue(policy=())},
        {"fine-tls": Queue(policy=(TLS | {"Action": ["sqs:SendMessage", "sqs:ReceiveMessage"]},))},
    ),
    Row(
        "sqs/backlog-growing",
        {"bad-backlog": Queue(holds=10, in_flight=1, each=10)},
        {"fine-batch": Queue(holds=60, in_flight=1)},
        limits={"window": f"{WINDOW}s"},
    ),
    Row(
        "sqs/consumers-absent",
        {"bad-unreceived": Queue(each=4)},
        {"fine-delayed": Queue(each=4, delay=900)},
        limits={"window": f"{WINDOW}s"},
    ),
    Row(
        "sqs/in-flight-near-limit",
        {"bad-flight": Queue(holds=9, in_flight=9)},
        {"fine-flight": Queue(holds=60, in_flight=2)},
        limits={"quota": 10},
    ),
    Row(
        "fifo/dlq-breaks-order",
        {"bad-order.fifo": Queue("bad-order-dlq.fifo"), "bad-order-dlq.fifo": Queue(None, retention=FORTNIGHT)},
        {"fine-order-fifo": Queue()},
    ),
)

BY_STUB = ("sqs/dlq-type-mismatch",)
"""No server takes these: what was recorded is altered, and judged again."""

ORDER_DOES_NOT_MATTER = ("fine-short.fifo", "fine-kind.fifo")
"""FIFO queues with a dead-letter queue, about which somebody has said so."""

OF_SAMPLES = (
    "hot-key",
    "key-on-many-partitions",
    "producer-not-idempotent",
    "tiny-batches",
    "uncompressed",
    "unkeyed-producer",
)
TOO_FEW = {
    "hot-key": ("access-log", "few", "slow", "small", "some", "spread"),
    "key-on-many-partitions": ("access-log", "slow", "small", "some"),
    "producer-not-idempotent": ("access-log", "few", "spread"),
    "uncompressed": ("access-log", "few", "spread"),
    "unkeyed-producer": ("slow", "small", "some", "spread"),
}
"""By check, what of the look-alikes that are sampled it can't judge."""
STANDING: set[tuple[str | None, str]] = {
    # Kafka never says whether there are topics that one may not see; and records are read of those topics alone that are named.
    *((None, f"kafka://{target}/topics/") for target in (CLUSTER, DEV)),
    *((f"kafka/{check}", f"kafka://{target}/topics/") for check in OF_SAMPLES for target in (CLUSTER, DEV)),
    # Offsets that the copied log has not reached yet: no lag can be told.
    *(
        (f"kafka/{check}", f"kafka://{CLUSTER}/groups/fine-mirror")
        for check in ("group-lagging", "lag-on-one-partition")
    ),
    # Too few records for some of the checks that live on samples.
    *(
        (f"kafka/{check}", f"kafka://{CLUSTER}/topics/fine-records-{topic}")
        for check, topics in TOO_FEW.items()
        for topic in topics
    ),
}
"""Gaps that a sound estate has too."""
