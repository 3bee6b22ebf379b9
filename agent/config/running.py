"""What the daemon is told beside its targets: whom to tell, how patiently, where to keep its state and to listen."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema, model_validator

from agent.config.reading import quoted
from agent.config.section import Resources, Section, url
from agent.config.values import DURATION_SCHEMA, Count, Duration, File, Level, SecretText, Text, deadline
from agent.config.values import duration as read_duration
from agent.config.values import path as read_path
from agent.config.values import text as read_text
from agent.secret import Secret
from alerts.policy import CONSOLE, Owner, Policy, Route
from checks.check import Severity
from checks.ignores import Ignore
from checks.pattern import Pattern

Origin = Callable[[tuple[str | int, ...]], str]
"""From a place in the document to `mqcanary.yaml:12`."""
_CHANNEL: Final = re.compile(r"#[^\s#]+|[CDGUW][A-Z0-9]{7,}")
"""As Slack takes it: a name, or the id of a channel or of somebody."""


def _clock(value: object) -> time:
    written = read_text(value)
    try:
        return time.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{quoted(written)} is not a time of day; write 09:00, in quotes") from None


def _zone(value: object) -> ZoneInfo:
    written = read_text(value)
    try:
        return ZoneInfo(written)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{quoted(written)} is not a time zone; write UTC or Europe/Berlin") from None


def _repeat(value: object) -> Mapping[Severity, float]:
    """`off`, one length of time for all, or one for each severity."""
    if value == "off":
        return {}
    if isinstance(value, str):
        return dict.fromkeys(Severity, _often(value))
    if not isinstance(value, dict):
        raise ValueError("not a repeat interval; write 4h, off, or {critical: 4h, warning: 1d}")  # noqa: TRY004
    found = {}
    for name, length in value.items():
        if not isinstance(name, str) or name.upper() not in Severity.__members__:
            raise ValueError(f"{quoted(str(name))} is not a severity; write info, warning or critical")
        if length != "off":
            found[Severity[name.upper()]] = _often(length)
    return found


def _often(value: object) -> float:
    seconds = read_duration(value).total_seconds()
    if seconds < 300:
        raise ValueError("a repeat interval below 5m is noise; write 4h, or off")
    return seconds


def _destinations(value: object) -> tuple[str, ...]:
    found = tuple(read_text(one) for one in (value if isinstance(value, list) else [value]))
    for one in found:
        sink, colon, place = one.partition(":")
        if not (one == CONSOLE or (sink in {"slack", "webhook"} and colon and place)):
            raise ValueError(f"{quoted(one)} is no destination; write slack:#channel, webhook:NAME or console")
        if sink == "slack" and not _CHANNEL.fullmatch(place):
            name = place.lstrip("#@") or "channel"
            raise ValueError(f"{quoted(one)} is no channel; write slack:#{name}, or an id as slack:C0123456789")
    return found


def _place(value: str) -> str:
    if value and not _destinations(value):
        raise ValueError("no destination")
    return value


def _address(value: object) -> object:
    """What stands there itself; a variable or a file is read when it is called."""
    if isinstance(value, str) and not value.startswith("${") and not re.match(r"https?://[^\s/]", value):
        # Not quoted but for its scheme: it is a secret.
        scheme, there, _ = value.partition("://")
        told = f"a {quoted(scheme)} address can't be called" if there and scheme.isalpha() else "not a URL"
        raise ValueError(f"{told}; write https://..., ${{NAME}} or {{file: path}}")
    return value


def _port(value: object) -> tuple[str, int]:
    written = read_text(value)
    host, _, port = written.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{quoted(written)} is not HOST:PORT; write 127.0.0.1:9188")
    return host.removeprefix("[").removesuffix("]"), int(port)


_TEXT = WithJsonSchema({"type": "string", "minLength": 1})
Destinations = Annotated[
    tuple[str, ...],
    PlainValidator(_destinations),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Repeat = Annotated[
    Mapping[Severity, float],
    PlainValidator(_repeat),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}),
]
SecretAddress = Annotated[SecretText, BeforeValidator(_address)]
Interval = Annotated[timedelta, PlainValidator(deadline), WithJsonSchema(DURATION_SCHEMA)]
StateFolder = Annotated[
    Path | None, PlainValidator(read_path), WithJsonSchema({"type": "string", "minLength": 1, "format": "path"})
]


class SlackSection(Section):
    """The bot that posts."""

    token: SecretText
    """A bot token with chat:write."""
    base_url: Annotated[Text, AfterValidator(url)] | None = None
    """Another address than Slack's own, as of a local stand-in."""


class WebhookSection(Section):
    """An incoming webhook: it can post, not edit."""

    url: SecretAddress
    """Its address, which is a secret."""


class RouteSection(Section):
    """Whom to tell. The first route below that matches wins; what it leaves open, the one above says."""

    to: Destinations = ()
    """Destinations: slack:#channel, webhook:NAME, console; one, or a list."""
    severity: Level | None = None
    """Only alerts at least this severe."""
    resources: Resources = Pattern()
    """Only those on resources of this glob of addresses."""
    checks: Text = "*"
    """Only those of checks of this glob."""
    owner: Text = "*"
    """Only those on resources of owners of this glob."""
    repeat: Repeat | None = None
    """When what still fires is told again: a duration, off, or one for each severity, as {critical: 4h, warning: 1d}, which is what holds where nothing is given."""
    group_by: Literal["off", "target", "resource", "check", "owner"] | None = None
    """Alerts that share it are told together; off: each by itself."""
    routes: tuple["RouteSection", ...] = ()
    """More special ones; the first that matches wins."""

    def build(self, origin: Origin, place: tuple[str | int, ...] = ("route",)) -> Route:
        return Route(
            self.to,
            self.severity,
            self.resources,
            self.checks,
            self.owner,
            tuple(route.build(origin, (*place, "routes", i)) for i, route in enumerate(self.routes)),
            self.repeat,
            self.group_by,
            origin=origin(place),
        )

    def destinations(self) -> set[str]:
        return {*self.to, *(one for route in self.routes for one in route.destinations())}


class OwnerSection(Section):
    """Whose resources are; later entries win."""

    resources: Resources
    """A glob of addresses."""
    owner: Text
    """A team's name."""


class AlertSection(Section):
    """How patient, and how many at once."""

    many: Count = 5
    """More new alerts than this for one destination within gather are one message."""
    gather: Duration = timedelta(seconds=60)
    """How long alerts are gathered for that."""
    clear_polls: Count = 2
    """So many polls in a row must find nothing before an alert ends."""
    blind_after: Duration = timedelta(minutes=5)
    """Nothing of a target observed for so long is an alert of its own."""
    contact_polls: Count = 2
    """What is wrong in so many first looks at a target is told in one message."""
    vanish_wait: Duration = timedelta(minutes=30)
    """Where much vanishes at once, it is believed after so long."""
    unstable_hold: Duration = timedelta(minutes=15)
    """Quiet for so long before what flapped is resolved."""
    keep_closed: Duration = timedelta(hours=1)
    """How long an alert is remembered after its end."""
    fallback: Annotated[Text, AfterValidator(_place)] | None = None
    """Destination for what another one refuses. Not given: it waits in the outbox."""


class DigestSection(Section):
    """When configuration findings are told."""

    at: Annotated[time, PlainValidator(_clock), _TEXT] = time(9, 0)
    """Time of day."""
    timezone: Annotated[ZoneInfo, PlainValidator(_zone), _TEXT] = ZoneInfo("UTC")
    """Of that time."""


class _TlsSection(Section):
    """What a listener shows to prove who it is."""

    certificate: File | None = None
    """A PEM file. Not given: no TLS."""
    key: File | None = None
    """Its private key: a PEM file."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key belong together; write both")
        return self


class ListenSection(_TlsSection):
    """Where metrics and pages are served."""

    address: Annotated[tuple[str, int], PlainValidator(_port), _TEXT] = ("127.0.0.1", 9188)
    """HOST:PORT."""
    token: SecretText | None = None
    """A token that whoever reads metrics and pages has to show."""
    partitions: Literal["off", "lagging", "all"] = "off"
    """Metrics of single partitions: none, those with lag, or all."""


class ApiSection(_TlsSection):
    """Where people and jobs elsewhere may read alerts, and silence them; nowhere unless it is written."""

    address: Annotated[tuple[str, int], PlainValidator(_port), _TEXT] = ("127.0.0.1", 9189)
    """HOST:PORT."""
    read_token: SecretText | None = None
    """For those who may only look."""
    operate_token: SecretText | None = None
    """For those who may silence and acknowledge too."""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.read_token is None and self.operate_token is None:
            raise ValueError("nobody could use it; write operate_token: {file: operate-token}, or read_token")
        if self.read_token == self.operate_token:
            raise ValueError("whoever may read could operate too; write another read_token, or none")
        return self


class HeartbeatSection(Section):
    """A dead man's switch: called while everything works, and not while a message has waited for more than 5 minutes, or lies parked."""

    url: SecretAddress
    """What is called while looking, judging and telling get on: no message waits for more than 5 minutes, none is parked but tests."""
    every: Interval = timedelta(minutes=1)
    """How often."""


@dataclass(frozen=True, slots=True)
class Running:
    """All of it, ready to be used."""

    policy: Policy = field(default_factory=Policy)
    routed: bool = False
    """Whether the file has a route of its own; without one everything goes to the console."""
    every: float = 30.0
    """Seconds between looks."""
    state: Path | None = None
    slack_token: Secret | None = None
    slack_url: str = ""
    webhooks: Mapping[str, Secret] = field(default_factory=dict)
    listen: ListenSection = field(default_factory=ListenSection)
    api: ApiSection | None = None
    """None: nobody may use it."""
    heartbeat: HeartbeatSection | None = None


def root(section: RouteSection, origin: Origin) -> Route:
    """The first route; without a destination it is the console."""
    route = section.build(origin)
    return route if route.destinations else replace(route, destinations=(CONSOLE,))


def running(section: Any, origin: Origin, path: Path, ignores: Sequence[Ignore]) -> Running:
    """From a FileSection that was read from `path`."""
    alerts: AlertSection = section.alerts
    owners = tuple(Owner(one.resources, one.owner, origin(("owners", i))) for i, one in enumerate(section.owners))
    policy = Policy(
        route=root(section.route, origin),
        owners=owners,
        file=str(path),
        observe=section.mode == "observe",
        many=alerts.many,
        gather=alerts.gather.total_seconds(),
        clear_polls=alerts.clear_polls,
        blind_after=alerts.blind_after.total_seconds(),
        contact_polls=alerts.contact_polls,
        vanish_wait=alerts.vanish_wait.total_seconds(),
        unstable_hold=alerts.unstable_hold.total_seconds(),
        keep_closed=alerts.keep_closed.total_seconds(),
        digest_at=section.digest.at,
        digest_zone=section.digest.timezone,
        ignores=tuple(ignores),
        fallback=alerts.fallback or "",
    )
    return Running(
        policy=policy,
        routed=bool(section.route.destinations()),
        every=section.every.total_seconds(),
        state=section.state,
        slack_token=section.slack.token if section.slack else None,
        slack_url=(section.slack.base_url or "") if section.slack else "",
        webhooks={name: hook.url for name, hook in section.webhooks.items()},
        listen=section.listen,
        api=section.api,
        heartbeat=section.heartbeat,
    )


def unreachable(section: Any) -> list[tuple[tuple[str | int, ...], str, str]]:
    """Destinations whose sink is not configured, and conditions that nothing would obey: where it stands, the sink, what is wrong."""
    found: list[tuple[tuple[str | int, ...], str, str]] = []

    def look(route: RouteSection, place: tuple[str | int, ...]) -> None:
        found.extend(((*place, "to"), _sink(one), text) for one in route.to if (text := _missing(section, one)))
        for i, child in enumerate(route.routes):
            look(child, (*place, "routes", i))

    look(section.route, ("route",))
    for name in sorted(section.route.model_fields_set & {"severity", "resources", "checks", "owner"}):
        found.append((("route", name), "", "the first route is for everything; write this under routes:"))  # noqa: PERF401
    if section.alerts.fallback and (text := _missing(section, section.alerts.fallback)):
        found.append((("alerts", "fallback"), _sink(section.alerts.fallback), text))
    return found


def _sink(destination: str) -> str:
    return destination.partition(":")[0]


def _missing(section: Any, destination: str) -> str:
    sink, _, name = destination.partition(":")
    if sink == "slack" and section.slack is None:
        return f"{quoted(destination)} needs slack: {{token: ${{SLACK_TOKEN}}}}; write it"
    if sink == "webhook" and name not in section.webhooks:
        return f"{quoted(destination)} names no webhook; write webhooks: {{{name}: {{url: ${{WEBHOOK_URL}}}}}}"
    return ""
