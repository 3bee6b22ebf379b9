"""What everyone may read between two changes: one immutable picture, made by the judge, served to every reader."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerts.model import State
from checks.evaluate import Report
from checks.facts import Address, Facts, Snapshot


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target: what was last seen of it, and how the looking goes."""

    address: Address
    place: str
    """What the configuration calls it, or how it is reached."""
    snapshot: Snapshot
    """The newest; all-Unknown if the last look failed."""
    facts: Facts
    """Of the same snapshot: lag and rates are computed once for checks, metrics and pages."""
    report: Report
    good: "Good | None"
    """The last look that succeeded, for what is served while blind; None: it never did."""
    every: float
    """Seconds between looks."""
    took: float
    """Seconds that the last look took."""
    looks: int = 0
    failures: int = 0
    """Looks that saw nothing of the target at all."""
    misses: int = 0
    """Looks given up at their deadline."""
    overruns: int = 0
    """Looks that were due while the one before still ran."""

    @property
    def up(self) -> bool:
        return self.good is not None and self.good.snapshot is self.snapshot


@dataclass(frozen=True, slots=True)
class Good:
    snapshot: Snapshot
    facts: Facts
    report: Report


@dataclass(frozen=True, slots=True)
class View:
    at: float
    targets: Mapping[Address, TargetView] = field(default_factory=dict)
    state: State = field(default_factory=State)
    judged: float = 0.0
    """When the judge last finished something, by its own clock: what /healthz looks at."""
    started: float = 0.0
    observe: bool = False
    """`mode: observe`: nothing is delivered."""
    calls: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """Target, operation and result ("ok" or a cause) to the number of API calls so far."""
    requests: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Target and broker (host and port) to the number of requests so far."""
    throttled: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Likewise to the milliseconds for which it said that it holds us up by a quota."""
    budgets: Mapping[str, int] = field(default_factory=dict)
    """Target to the requests that each of its brokers may be asked in one look, where that is limited."""
    delivered: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Sink and outcome (delivered, later, refused, unclear) to how often so far."""
    config_ok: bool = True
    """False: the last reload was refused, the configuration before it is in force."""
    saved: bool = True
    """False: the state can't be written, and a restart would not know what happened since."""
    every: float = 30.0
    """Seconds between looks."""
    rung: float = 0.0
    """When the target that was asked longest ago was asked to be looked at; 0: there is none."""
