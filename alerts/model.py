"""What the alert machine remembers, all of it immutable: alerts, threads, deliveries, silences.

A state holds everything that must survive a restart. What changed between two states is told by identity: a value that
is the same object needs no writing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from checks.check import Severity
from checks.evaluate import Finding, Fingerprint
from checks.facts import Address
from checks.pattern import Pattern

TARGET_BLIND = "mqcanary/target-blind"
"""The machine's own alert: nothing of a whole target could be observed for a while."""


class Phase(StrEnum):
    PENDING = "pending"
    """A problem, but not for as long as its check's patience."""
    FIRING = "firing"
    RESOLVED = "resolved"
    GONE = "gone"
    """Its resource was deleted: asked for by name and not found."""
    OFF = "off"
    """Its check was switched off for this resource, or nobody looks at its target any more."""

    @property
    def closed(self) -> bool:
        return self in {Phase.RESOLVED, Phase.GONE, Phase.OFF}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    by: str
    at: float
    until: float | None = None
    """None: until the episode ends."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Growth:
    """How much of a problem people know of, where more of it is news."""

    told: int
    at: float
    """When that was told."""
    wait: float
    """Seconds until more may be told again: twice as long each time that more came before they were over."""
    more: float | None = None
    """Since when there is more than that; None: there is not."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one problem. Times are seconds since the epoch."""

    id: str
    """Short, for people to type."""
    fingerprint: Fingerprint
    finding: Finding
    """As last seen."""
    phase: Phase
    since: float
    """When the problem was first seen."""
    seen: float
    """When it was last seen to be there."""
    severity: Severity
    owner: str = ""
    fired: float | None = None
    ended: float | None = None
    frozen: float | None = None
    """Since when it can't be observed; None while it can."""
    frozen_why: str = ""
    left: str = ""
    """Why nobody looks at its target any more, where it is over for that."""
    unseen: float = 0.0
    """Seconds of its patience that do not count: it could not be observed."""
    held: float | None = None
    """Since when it waits for a rebalance to end; None: it never did."""
    clear_since: float | None = None
    clear_polls: int = 0
    unstable: bool = False
    first: bool = False
    """It was there when the target was first looked at."""
    told: float | None = None
    """When a message about it was first put on its way."""
    repeated: float | None = None
    acknowledged: Acknowledged | None = None
    growth: Growth | None = None

    @property
    def target(self) -> Address:
        return self.fingerprint.address.root


class Kind(StrEnum):
    """What happened."""

    FIRED = "fired"
    WORSE = "worse"
    MILDER = "milder"
    FROZEN = "frozen"
    THAWED = "thawed"
    UNSTABLE = "unstable"
    RESOLVED = "resolved"
    GONE = "gone"
    OFF = "off"
    ACKNOWLEDGED = "acknowledged"
    RELEASED = "released"
    """No longer acknowledged."""
    REPEATED = "repeated"
    GREW = "grew"
    """There is more of it than people were told."""
    CONTACT = "contact"
    DIGEST = "digest"
    HELD = "held"
    """Many resources vanished at once: their alerts wait."""
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Transition:
    kind: Kind
    at: float
    alert: str = ""
    """The alert's id; empty for what concerns a target."""
    target: Address | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    id: str
    resources: Pattern
    checks: str
    until: float
    by: str
    comment: str
    created: float


class Subject(StrEnum):
    """What a thread is about."""

    ALERT = "alert"
    MANY = "many"
    """More new alerts at once than anybody reads one by one."""
    ENDED = "ended"
    """More ends at once than anybody reads one by one."""
    CONTACT = "contact"
    DIGEST = "digest"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class StandingGap:
    """What can't be judged until somebody grants something."""

    target: Address
    why: str
    count: int
    close: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """What the daily digest says: new and fixed by name, the worst first and not all, the rest as a count."""

    new: tuple[Finding, ...] = ()
    fixed: tuple[Finding, ...] = ()
    news: int = 0
    """How many are new, named or not."""
    fixes: int = 0
    open: int = 0
    """How many were told before and are still there."""
    gaps: tuple[StandingGap, ...] = ()


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a message stands: channel id and timestamp, as Slack calls them."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation at one destination: a root message and what follows it."""

    id: str
    subject: Subject
    destination: str
    created: float
    alerts: tuple[str, ...] = ()
    targets: tuple[Address, ...] = ()
    """Met for the first time."""
    digest: Digest | None = None
    closed: int = 0
    """Alerts that it spoke of and that are forgotten by now."""
    note: str = ""
    group: str = ""
    """What its alerts have in common, where the route groups."""
    ref: Ref | None = None
    """None until the root message is confirmed, and for ever where a sink can't tell."""
    sent: float | None = None
    """When the root message was confirmed."""
    again: float = 0.0
    """Before this nothing is said about what grows in a thread of many: it is gathered."""


class Op(StrEnum):
    POST = "post"
    EDIT = "edit"
    REPLY = "reply"


class Progress(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    """Written before it is sent: after a crash it is not known whether it arrived."""
    PARKED = "parked"
    """Refused for good; somebody has to look."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What to tell, not how: the text is made when it is sent."""

    id: str
    seq: int
    thread: str
    destination: str
    op: Op
    kinds: tuple[Kind, ...]
    """What happened, for a reply."""
    alerts: tuple[str, ...]
    created: float
    progress: Progress = Progress.QUEUED
    attempts: int = 0
    not_before: float = 0.0
    unclear: bool = False
    """It was sent once and nobody answered: the next attempt says that it may be a double."""
    plain: bool = False
    """Its content was refused once: as cut plain text now."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """One configuration finding: for the digest, never a page."""

    finding: Finding
    since: float
    told: bool = False
    fixed: bool = False
    owner: str = ""
    """As the tag of a queue says it; what the configuration says comes first."""


@dataclass(frozen=True, slots=True)
class Held:
    """Resources of one kind that vanished together."""

    since: float
    before: int


@dataclass(frozen=True, slots=True)
class TargetState:
    address: Address
    first: float
    """When it was first looked at."""
    place: str = ""
    """How it is reached: an unnamed target that is away can't tell its cluster id."""
    identity: str = ""
    """The cluster id or AWS account that answered: under the same name another one may answer some day."""
    polls: int = 0
    """How often it has been seen, up to what first contact waits for."""
    met: bool = False
    """First contact is over."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many resources of each kind it had when last seen."""
    held: Mapping[str, Held] = field(default_factory=dict)
    gaps: tuple[StandingGap, ...] = ()


@dataclass(frozen=True, slots=True)
class Recent:
    """When a fingerprint fired lately: what keeps coming back is unstable."""

    fingerprint: Fingerprint
    fires: tuple[float, ...]


@dataclass(frozen=True)
class State:
    """Everything that survives. Mappings are never altered in place."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)
    """By id: pending, firing, and closed ones that a message still speaks of."""
    targets: Mapping[Address, TargetState] = field(default_factory=dict)
    settings: Mapping[Fingerprint, Setting] = field(default_factory=dict)
    recent: Mapping[Fingerprint, Recent] = field(default_factory=dict)
    silences: Mapping[str, Silence] = field(default_factory=dict)
    threads: Mapping[str, Thread] = field(default_factory=dict)
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)
    seq: int = 0
    digested: float | None = None
    """When the last digest was due."""
    open: Mapping[Fingerprint, str] = field(default_factory=dict)
    """Pending and firing alerts, by fingerprint; follows from `alerts`."""
    pace: Mapping[str, float] = field(default_factory=dict)
    """Destination and operation to when the next may be sent; not kept over a restart."""

    def firing(self, target: Address | None = None) -> tuple[Alert, ...]:
        found = (self.alerts[id_] for id_ in self.open.values())
        return tuple(a for a in found if a.phase is Phase.FIRING and (target is None or a.target == target))
