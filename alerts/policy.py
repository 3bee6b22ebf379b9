"""What the configuration says about telling: to whom, when again, how patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from checks.check import Severity
from checks.facts import Address
from checks.ignores import Ignore
from checks.pattern import Pattern

CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Route:
    """Whom to tell about some alerts. The first that matches wins, children before their parent."""

    destinations: tuple[str, ...] = ()
    """`slack:#channel`, `webhook:NAME` or `console`; empty in a child: as the parent."""
    severity: Severity | None = None
    """At least this."""
    resources: Pattern = field(default_factory=Pattern)
    checks: str = "*"
    owner: str = "*"
    routes: tuple["Route", ...] = ()
    repeat: Mapping[Severity, float] | None = None
    """Seconds until what still fires is told again; a severity that is missing never is. None: as the parent."""
    group_by: str | None = None
    """target, resource, check or owner: alerts that share it are told together; off: each by itself. None: as the parent."""
    origin: str = ""
    """Where it was written, as `mqcanary.yaml:12`."""

    def matches(self, check: str, address: Address, severity: Severity, owner: str) -> bool:
        return (
            (self.severity is None or severity >= self.severity)
            and self.resources.matches(address)
            and fnmatchcase(check, self.checks)
            and fnmatchcase(owner, self.owner)
        )


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose some resources are."""

    resources: Pattern
    owner: str
    origin: str = ""


REPEAT: Mapping[Severity, float] = {Severity.CRITICAL: 4 * 3600.0, Severity.WARNING: 24 * 3600.0}


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds."""

    route: Route = field(default_factory=Route)
    """The root of the tree: whatever matches nothing below it."""
    owners: Sequence[Owner] = ()
    file: str = "mqcanary.yaml"
    """The configuration as the agent was told to read it, for the commands in messages."""
    observe: bool = False
    """Deliver nothing; say in the log what would have been."""
    many: int = 5
    """More new alerts than this for one destination in `gather` become one message."""
    gather: float = 60.0
    clear_polls: int = 2
    """So many polls in a row must find nothing before an alert ends."""
    blind_after: float = 300.0
    """Nothing of a target observed for so long is an alert of its own; it ends once the target was seen for 0.4 of that."""
    contact_polls: int = 2
    """What is wrong in the first looks at a target is told in one message."""
    vanish_share: float = 0.2
    vanish_least: int = 5
    vanish_wait: float = 1800.0
    unstable_fires: int = 3
    """So many times within `unstable_within` is flapping."""
    unstable_within: float = 3600.0
    unstable_hold: float = 900.0
    """Quiet for so long before what flapped is resolved."""
    grow_wait: float = 600.0
    """Dead letters that keep coming are told again after so long, then after twice as long, and so on."""
    grow_longest: float = 4 * 3600.0
    keep_closed: float = 3600.0
    digest_at: time = time(9, 0)
    digest_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    ignores: Sequence[Ignore] = ()
    """What the digest says of: those that end soon."""
    fallback: str = ""
    """Destination for what another one refuses; empty: it waits as parked."""

    @property
    def settling(self) -> float:
        """Until then what a target that was blind brings with it is that one outage: leaders are elected, lag is read."""
        return 0.4 * self.blind_after
