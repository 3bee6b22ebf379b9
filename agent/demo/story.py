"""The story that `mqcanary demo` tells, as data: what happens when, and what must have been told before it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class How(StrEnum):
    """How the channel changed."""

    POSTED = "posted"
    EDITED = "edited"
    REPLIED = "in the thread"


class Told(NamedTuple):
    """What an act waits for: a change of the channel with these words in it."""

    how: How
    words: str


class Deed(NamedTuple):
    """What somebody does: `verb` is a method of Traffic in the cluster's process, of Workers in that of the queues."""

    where: str
    verb: str
    about: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """One act. It lasts at least `lasts` seconds, and until everything in `told` was told.

    With `met` also until the agent's first contact with every target is over: what goes wrong before that is told otherwise.
    """

    title: str
    words: str
    lasts: float
    deeds: tuple[Deed, ...] = ()
    told: tuple[Told, ...] = ()
    met: bool = False


CHANNEL: Final = "on-call"

STORY: Final[Sequence[Act]] = (
    Act(
        "All is well",
        "Three brokers, six topics, four queues; whoever reads them keeps up. Nothing is wrong, so nothing is told.",
        10,
        met=True,
    ),
    Act(
        "A consumer hangs",
        "One of the three members of payments-app is caught in a call that never returns. Its partition waits, the "
        "other two are read on; the sum over the topic hardly shows it.",
        14,
        (Deed("cluster", "hang", ("payments-app", "payments", 2)),),
        (Told(How.POSTED, "kafka/lag-on-one-partition"),),
    ),
    Act(
        "A dead-letter queue fills",
        "The worker of invoices fails at every message. What it has failed at three times goes to invoices-dlq.",
        12,
        (Deed("queues", "fail", ("invoices",)),),
        (Told(How.POSTED, "sqs/dlq-not-empty"),),
    ),
    Act(
        "One partition takes most of a topic",
        "From now on two of three clicks carry the same key, and so they all go to one partition.",
        14,
        (Deed("cluster", "write", ("clicks", 240, 240, 240, 1680)),),
        (Told(How.POSTED, "kafka/hot-partition"),),
    ),
    Act(
        "A broker leaves",
        "Broker 2 dies. Each of the six topics lacks a copy now: six alerts, one message.",
        9,
        (Deed("cluster", "stop_broker", (2,)),),
        (Told(How.POSTED, "kafka/under-replicated"),),
    ),
    Act(
        "The cluster can't be seen any more",
        "The network between mqcanary and the cluster breaks. What fired can't be seen now, which does not mean that "
        "it is over: nothing will be called resolved.",
        13,
        (Deed("cluster", "cut"),),
        (Told(How.EDITED, "Cannot be observed"), Told(How.POSTED, "mqcanary/target-blind")),
    ),
    Act(
        "The network is back",
        "Only the blindness is over. What fired before is seen again, one after the other, and is still there.",
        7,
        (Deed("cluster", "reconnect"),),
        (Told(How.REPLIED, "Resolved: nothing of kafka://demo can be observed"),),
    ),
    Act(
        "Everything is mended",
        "The broker starts, the consumer is restarted, the clicks have many keys again, the worker is mended and its "
        "dead letters are moved back.",
        11,
        (
            Deed("cluster", "start_broker", (2,)),
            Deed("cluster", "restart", ("payments-app",)),
            Deed("cluster", "write", ("clicks", 600, 600, 600, 600)),
            Deed("queues", "mend", ("invoices",)),
        ),
        (
            Told(How.REPLIED, "Resolved: group payments-app"),
            Told(How.REPLIED, "in dead-letter queue invoices-dlq"),
            Told(How.REPLIED, "Resolved: partition 3 takes"),
            Told(How.REPLIED, "Over: all 6"),
        ),
    ),
)
