"""From the targets of a configuration to collectors. A client is imported only where a target needs it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.collect.targets import Collector
from agent.config.model import KafkaTarget, NameChoice, SqsTarget
from checks.platform import GROUPS, TOPICS
from checks.questions import Questions

if TYPE_CHECKING:
    from agent.collect.kafka.sampling import Sampling

DEFAULT_DEADLINE = 30.0
"""Seconds that one look at a target may take."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A collector, and how many seconds it has."""

    collector: Collector
    deadline: float
    sampling: "Sampling | None" = None
    """What it samples, if anything."""
    scope: tuple[str, ...] = ()
    """The groups of a cluster that alone are looked at, as names or globs."""


def build(
    kafka: Iterable[KafkaTarget],
    sqs: Iterable[SqsTarget],
    questions: Questions,
    *,
    deadline: float = DEFAULT_DEADLINE,
    platform: bool = True,
    keep: bool = False,
    sampling: "Callable[[KafkaTarget], Sampling | None]" = lambda _: None,
) -> Iterator[Watched]:
    """`platform`: leave out what the platform itself makes, unless it is named. `keep`: connections from look to look.
    `sampling`: what to sample of a cluster.
    """
    for cluster in kafka:
        length = cluster.deadline.total_seconds() if cluster.deadline else deadline
        sampled = sampling(cluster)
        yield Watched(_kafka(cluster, questions, platform, sampled, keep=keep), length, sampled, cluster.scope)
    for region in sqs:
        length = region.deadline.total_seconds() if region.deadline else deadline
        yield Watched(_sqs(region), length)


def _kafka(
    target: KafkaTarget, questions: Questions, platform: bool, sampling: "Sampling | None", *, keep: bool
) -> Collector:
    from agent.collect.kafka.collector import Choice, KafkaCollector, KafkaSettings  # noqa: PLC0415 - loads kafka-python

    def choice(names: NameChoice, made: tuple[str, ...]) -> Choice:
        return Choice(names.include, names.exclude, made if platform else ())

    settings = KafkaSettings(
        target.bootstrap,
        target.name,
        target.security,
        choice(target.topics, TOPICS),
        choice(target.groups, GROUPS),
        target.scope,
        sampling,
        target.requests,
    )
    return KafkaCollector(settings, questions, keep=keep)


def _sqs(target: SqsTarget) -> Collector:
    from agent.collect.aws.sqs import SqsCollector, SqsSettings  # noqa: PLC0415 - loads boto3

    names = (
        "region",
        "name",
        "prefix",
        "queues",
        "tags",
        "read_tags",
        "endpoint_url",
        "profile",
        "role_arn",
        "external_id",
    )
    written = {name: getattr(target, name) for name in names}
    return SqsCollector(SqsSettings(**written, include=target.include, exclude=target.exclude))
