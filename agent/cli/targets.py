"""What several commands share: which targets to look at, and the looking."""

import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from agent.collect.building import DEFAULT_DEADLINE, Watched, build
from agent.collect.kafka.security import Security
from agent.collect.targets import Collector, observe
from agent.config.loading import endpoints, load
from agent.config.model import Audit, Config, KafkaTarget, NameChoice, SqsTarget
from agent.config.values import budget
from agent.errors import ConfigError
from alerts.policy import Policy
from checks import all_checks
from checks.facts import Address, History, KafkaSnapshot, Snapshot, Unknown, facts_of
from checks.limits import Limits
from checks.questions import Questions
from checks.wording import count, shell, shown

if TYPE_CHECKING:
    from agent.collect.kafka.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Aim:
    """The targets of one command, and what is in force for them."""

    watched: tuple[Watched, ...] = ()
    limits: Limits = field(default_factory=Limits)
    audit: Audit = field(default_factory=Audit)
    kafka: int = 0
    """How many of the first are clusters."""
    policy: Policy = field(default_factory=Policy)
    """Whose resources are, and who is told."""

    def only_kafka(self) -> "Aim":
        return replace(self, watched=self.watched[: self.kafka])


def aim(
    *,
    config: Path | None = None,
    kafka: Sequence[str] = (),
    sqs: Sequence[str] = (),
    kafka_properties: Path | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    deadline: float = DEFAULT_DEADLINE,
    platform: bool = True,
    sample: Sequence[str] | None = None,
    sample_budget: str | None = None,
    keys: dict[str, Counter[bytes]] | None = None,
    groups: Sequence[str] = (),
    judged: bool = True,
) -> Aim:
    """The targets that the options name, or else those of the file. `sample`: globs of topics of every cluster, instead of
    those that the file has for each; None: no record is read. `sample_budget` likewise: how much of each topic. The keys go to
    `keys`. `groups`: names or globs of the only ones to look at, with what they read. `judged`: ask what the checks want to know.

    Raises:
        ConfigError: one of them can't be used, or there is none.
    """
    file = load(config) if config else None
    limits = file.limits if file else Limits()
    if kafka or sqs or kafka_properties:
        clusters = tuple(_clusters(kafka, kafka_properties))
        regions = tuple(_region(region) for region in sqs)
    elif file:
        clusters, regions = file.kafka, file.sqs
    else:
        clusters, regions = (), ()
    if not clusters and not regions:
        here = f"{config} names no target: add one" if config else "nothing to look at: give"
        raise ConfigError(f"{here} --kafka HOST:PORT, --sqs REGION or --config FILE")
    clusters = tuple(replace(_narrowed(cluster, include, exclude), scope=tuple(groups)) for cluster in clusters)
    regions = tuple(region.model_copy(update=_names(region, include, exclude)) for region in regions)
    questions = Questions(all_checks() if judged else (), limits)
    most = _budget(sample_budget) if sample_budget is not None else None
    if most is not None and not sample and not any(cluster.sample for cluster in clusters):
        raise ConfigError("--sample-budget says how much of each sampled topic is read: add --sample GLOB")

    def sampling(cluster: KafkaTarget) -> "Sampling | None":
        section = cluster.sample
        if sample is None or not (sample or section):
            return None
        from agent.collect.kafka.sampling import BUDGET, Sampling

        globs = tuple(sample) or (section.topics if section else ())
        return Sampling(globs, most or (section and section.budget) or BUDGET, keys=keys)

    watched = build(clusters, regions, questions, deadline=deadline, platform=platform, sampling=sampling)
    return replace(_aim(file), watched=tuple(watched), kafka=len(clusters))


def _region(text: str) -> SqsTarget:
    from agent.collect.aws.regions import unknown_region

    try:
        target = SqsTarget(region=text)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--sqs: {reason}") from None
    if reason := unknown_region(text):
        raise ConfigError(f"--sqs: {reason}")
    return target


def _budget(text: str) -> int:
    try:
        return budget(text)
    except ValueError as error:
        raise ConfigError(f"--sample-budget: {error}") from None


def ruled(config: Path | None) -> Aim:
    """What a file says of judging, or the defaults; without targets."""
    return _aim(load(config) if config else None)


def _aim(file: Config | None) -> Aim:
    return Aim(limits=file.limits, audit=file.audit, policy=file.running.policy) if file else Aim()


def _clusters(bootstraps: Sequence[str], properties: Path | None) -> Iterator[KafkaTarget]:
    security = Security()
    ignored: tuple[str, ...] = ()
    brokers = [endpoints(text, "--kafka") for text in bootstraps]
    if properties is not None:
        read = Security.from_properties(properties)
        security, ignored = read.security, read.ignored
        if not brokers and not read.bootstrap:
            raise ConfigError(f"{properties} has no bootstrap.servers: set it there, or give --kafka HOST:PORT")
        brokers = brokers or [endpoints(",".join(read.bootstrap), f"{properties}: bootstrap.servers")]
    for key in ignored:
        click.echo(f"mqcanary: {properties}: {key} means nothing here", err=True)
    for bootstrap in brokers:
        yield KafkaTarget(bootstrap, "", security, NameChoice(), NameChoice(), None)


def _narrowed(cluster: KafkaTarget, include: Sequence[str], exclude: Sequence[str]) -> KafkaTarget:
    topics, groups = (
        choice.model_copy(update=_names(choice, include, exclude)) for choice in (cluster.topics, cluster.groups)
    )
    return replace(cluster, topics=topics, groups=groups)


def _names(choice: NameChoice | SqsTarget, include: Sequence[str], exclude: Sequence[str]) -> dict[str, object]:
    """What is included on the command line replaces what the file includes; what is excluded adds to it."""
    return {"include": tuple(include) or choice.include, "exclude": (*choice.exclude, *exclude)}


def look(target: Aim, samples: int, every: float, previous: Mapping[int, Snapshot] | None = None) -> list[Snapshot]:
    """Observes all targets `samples` times, `every` seconds apart; says on a terminal's stderr how far it is."""
    snapshots: list[Snapshot] = []
    latest: dict[int, Snapshot] = dict(previous or {})
    _progress(f"looking at {count(len(target.watched), 'target')}")
    for sample in range(samples):
        if sample or previous:
            _progress(f"sample {sample + 1} of {samples} in {every:g} s")
            threading.Event().wait(every)
        taken = observe([w.collector for w in target.watched], latest, [w.deadline for w in target.watched], _told)
        _refuse_twins(target, taken)
        latest = dict(enumerate(taken))
        snapshots += taken
    _progress("")
    if not previous:
        _tell_vain(target, taken)
    return named(snapshots, len(target.watched), previous or {})


def _tell_vain(target: Aim, taken: Sequence[Snapshot]) -> None:
    """Says which globs of topics to sample choose none; a cluster that was not seen may have what they mean."""
    pairs = [(w.sampling, s) for w, s in zip(target.watched, taken, strict=True) if w.sampling is not None]
    if not pairs or any(unseen(snapshot) is not None for _, snapshot in pairs):
        return
    from agent.collect.kafka.sampling import vain

    chosen = [(sampling.topics, s.topics.items) for sampling, s in pairs if isinstance(s, KafkaSnapshot)]
    for glob, mend in vain(chosen).items():
        click.echo(f"mqcanary: nothing to sample is called {shell(glob)}: {mend}", err=True)


def _refuse_twins(target: Aim, taken: Sequence[Snapshot]) -> None:
    """One cluster by two of its brokers would count as two looks at it, and what needs two would speak after one.

    Raises:
        ConfigError: two targets are one.
    """
    places: dict[Address, str] = {}
    for watched, snapshot in zip(target.watched, taken, strict=True):
        if unseen(snapshot) is not None:
            continue
        place, address = watched.collector.place, snapshot.address
        if address in places:
            raise ConfigError(f"{places[address]} and {place} are one target, {address}: leave one out")
        places[address] = place


def named(snapshots: Sequence[Snapshot], targets: int, before: Mapping[int, Snapshot]) -> list[Snapshot]:
    """Who did not answer in one sample is called as in the others: else it would be a second target, never observed.

    `snapshots` has so many `targets` in each sample, in their order; `before` are the ones of an earlier look.
    """
    names = {i: s.target for i, s in before.items() if unseen(s) is None}
    names |= {i % targets: s.target for i, s in enumerate(snapshots) if unseen(s) is None}
    return [
        snapshot if unseen(snapshot) is None else replace(snapshot, target=names.get(i % targets, snapshot.target))
        for i, snapshot in enumerate(snapshots)
    ]


def unseen(snapshot: Snapshot) -> Unknown | None:
    """Why nothing of a target could be observed, if so."""
    return facts_of(snapshot, History()).unseen


def why(unknown: Unknown) -> str:
    """What happened and what to do, as one line."""
    return f"{unknown.detail}: {unknown.close}" if unknown.close else unknown.detail


def missed(target: str, unknown: Unknown) -> str:
    """Who was not seen, and why, as one line; an address that the reason begins with stands there once."""
    place, reason = shown(target), why(unknown)
    return reason if reason.startswith(f"{place} ") else f"{place}: {reason}"


def _told(collector: Collector, snapshot: Snapshot) -> None:
    listings = {kind: getattr(snapshot, kind) for kind in ("topics", "groups", "queues") if hasattr(snapshot, kind)}
    seen = ", ".join(f"{len(listing.items)} {kind}" for kind, listing in listings.items())
    _progress(f"{collector.place}: {seen if unseen(snapshot) is None else 'could not be observed'}")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        # A line that wraps could not be taken back.
        click.echo(f"\r\033[K{text[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)
