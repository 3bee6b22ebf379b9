"""What several commands share: which targets to look at, and the looking."""

import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from agent.collect.targets import Collector, observe
from agent.errors import ConfigError
from checks import all_checks
from checks.facts import Snapshot
from checks.limits import Limits
from checks.questions import Questions

DEFAULT_DEADLINE = 30.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Seconds(click.ParamType[float]):
    """A length of time: 90s, 5m, 2h."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a length of time; write 30s, 5m or 2h", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True, slots=True)
class Aim:
    """The targets of one command, and the limits their findings are judged by."""

    collectors: tuple[Collector, ...] = ()
    limits: Limits = field(default_factory=Limits)
    deadline: float = DEFAULT_DEADLINE


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name targets."""
    for option in reversed(
        (
            click.option(
                "--kafka",
                multiple=True,
                metavar="HOST:PORT[,HOST:PORT]",
                help="A Kafka cluster, by its bootstrap brokers. Repeatable.",
            ),
            click.option("--sqs", multiple=True, metavar="REGION", help="The queues of an AWS region. Repeatable."),
            click.option(
                "--kafka-properties",
                type=click.Path(path_type=Path),
                help="An ordinary Kafka client.properties: security.protocol, sasl.*, ssl.* (PEM).",
            ),
            click.option(
                "--include",
                multiple=True,
                metavar="GLOB",
                help="Look only at topics, groups and queues of these names.",
            ),
            click.option(
                "--exclude", multiple=True, metavar="GLOB", help="Leave out topics, groups and queues of these names."
            ),
            click.option(
                "--deadline",
                type=Seconds(),
                default="30s",
                show_default=True,
                help="How long one look at a target may take.",
            ),
        )
    ):
        command = option(command)
    return command


def aim(
    *,
    kafka: Sequence[str],
    sqs: Sequence[str] = (),
    kafka_properties: Path | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    deadline: float = DEFAULT_DEADLINE,
    platform: bool = True,
) -> Aim:
    """The targets that the options name.

    Raises:
        ConfigError: one of them can't be used, or there is none.
    """
    limits = Limits()
    collectors: list[Collector] = []
    if kafka or kafka_properties:
        collectors += _kafka(kafka, kafka_properties, include, exclude, Questions(all_checks(), limits), platform)
    for region in sqs:
        from agent.collect.aws.sqs import SqsCollector, SqsSettings  # noqa: PLC0415 - loads boto3

        collectors.append(
            SqsCollector(SqsSettings(region=region, include=tuple(include) or ("*",), exclude=tuple(exclude)))
        )
    if not collectors:
        raise ConfigError("nothing to look at: give --kafka HOST:PORT or --sqs REGION")
    return Aim(tuple(collectors), limits, deadline)


def _kafka(
    bootstraps: Sequence[str],
    properties: Path | None,
    include: Sequence[str],
    exclude: Sequence[str],
    questions: Questions,
    platform: bool,
) -> list[Collector]:
    from agent.collect.kafka.collector import KafkaCollector, KafkaSettings  # noqa: PLC0415 - loads kafka-python
    from agent.collect.kafka.security import Security  # noqa: PLC0415 - as above

    security = Security()
    if properties is not None:
        read = Security.from_properties(properties)
        security = read.security
        bootstraps = bootstraps or [",".join(read.bootstrap)]
    collectors: list[Collector] = []
    for text in bootstraps:
        settings = KafkaSettings(bootstrap=endpoints(text), security=security)
        names = {"include": tuple(include) or ("*",), "exclude": tuple(exclude)}
        topics, groups = replace(settings.topics, **names), replace(settings.groups, **names)
        if not platform:
            topics, groups = replace(topics, platform=()), replace(groups, platform=())
        collectors.append(KafkaCollector(replace(settings, topics=topics, groups=groups), questions))
    return collectors


def endpoints(text: str) -> tuple[tuple[str, int], ...]:
    """Reads `host:port,host:port`; IPv6 in brackets.

    Raises:
        ConfigError: a part has another form.
    """
    found: list[tuple[str, int]] = []
    for part in text.split(","):
        host, _, port = part.strip().rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ConfigError(f"--kafka {text!r}: {part.strip()!r} is not HOST:PORT; write kafka-1:9092")
        found.append((host.removeprefix("[").removesuffix("]"), int(port)))
    return tuple(found)


def look(target: Aim, samples: int, every: float, previous: Mapping[int, Snapshot] | None = None) -> list[Snapshot]:
    """Observes all targets `samples` times, `every` seconds apart; says on a terminal's stderr how far it is."""
    snapshots: list[Snapshot] = []
    latest: dict[int, Snapshot] = dict(previous or {})
    for sample in range(samples):
        if sample or previous:
            _progress(f"sample {sample + 1} of {samples} in {every:g} s")
            threading.Event().wait(every)
        taken = observe(target.collectors, latest, target.deadline, _told)
        latest = dict(enumerate(taken))
        snapshots += taken
    _progress("")
    return snapshots


def _told(collector: Collector, snapshot: Snapshot) -> None:
    items = [getattr(snapshot, kind) for kind in ("topics", "groups", "queues") if hasattr(snapshot, kind)]
    unseen = all(listing.blind and not listing.items for listing in items)
    whole = (
        "could not be observed" if unseen else ", ".join(f"{len(listing.items)}" for listing in items) + " resources"
    )
    _progress(f"{collector.place}: {whole}")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", nl=False, err=True)
