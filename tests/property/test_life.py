"""Laws 3 and 4 over the whole cycle and the real checks, whatever is seen or not seen: an alert ends on a verdict alone, and
what was recorded gives the same again, also through the files in which it is kept.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import snapshot as files
from agent.cycle import Change, House, Look, Order, Settings, cycle
from agent.store.codec import command_in, command_out
from agent.store.database import Store
from agent.store.frames import Frames
from alerts.commands import Acknowledge, AddSilence, Command
from alerts.machine import Tick
from alerts.model import TARGET_BLIND, Kind, Transition
from alerts.outbox import recover
from alerts.policy import Policy, Route
from checks.check import Kind as CheckKind
from checks.evaluate import Verdict
from checks.facts import Absence, KafkaSnapshot, Listing, Snapshot, SqsSnapshot, Unknown, Why, unseen_sqs
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.agent.world import Kafka, Sqs, checks

BEGIN = 1_800_000_000.0
PLACES = frozenset(("kafka:prod", "sqs:prod"))
POLICY = Policy(route=Route(("slack:#ops",)), contact_polls=1, blind_after=200.0, vanish_least=3)
QUICK = {"window": timedelta(minutes=3), "slo": timedelta(minutes=3)}
LIMITS = Limits([Override(Pattern(), "*", QUICK, after=timedelta(0))])
WITHOUT = Limits([Override(Pattern(), "*", QUICK, after=timedelta(0)), Override(Pattern(name="b"), "*", off=True)])
HOLE = Unknown(Why.DENIED, "access denied", "grant it")
GROUPS = ("a", "b", "c")


class Poll(NamedTuple):
    """How long it takes until a poll, and what is so when it comes: names by what becomes of them."""

    seconds: float
    stopped: frozenset[str]
    empty: frozenset[str]
    brokers: frozenset[int]
    full: frozenset[str]
    hidden: frozenset[str]
    """Known by name, and not allowed to be looked at."""
    unlisted: frozenset[str]
    deleted: frozenset[str]
    """Asked for by name, and not there."""
    blind: frozenset[str]
    """Targets of which nothing is seen."""
    without: bool
    """Whether the checks are switched off for "b"."""
    command: Command | None


def some(names: Sequence[Any]) -> st.SearchStrategy[frozenset[Any]]:
    """Most of the time none of them."""
    return st.one_of(st.just(frozenset()), st.just(frozenset()), st.frozensets(st.sampled_from(names), max_size=2))


COMMANDS = st.sampled_from(
    (None, None, None, AddSilence("s", Pattern(name="a"), "*", BEGIN + 3000, "ann"), Acknowledge("00", "ann"))
)
POLL = st.builds(
    Poll,
    seconds=st.sampled_from((30.0, 60.0, 240.0)),
    stopped=some(GROUPS),
    empty=some(GROUPS),
    brokers=st.sampled_from((frozenset({1, 2, 3}), frozenset({1, 2, 3}), frozenset({1, 2}), frozenset({2}))),
    full=some(GROUPS),
    hidden=some(GROUPS),
    unlisted=some(GROUPS),
    deleted=some(GROUPS),
    blind=some(("kafka", "sqs")),
    without=st.sampled_from((False, False, False, True)),
    command=COMMANDS,
)
# What is so is often so for some polls.
POLLS = st.lists(st.tuples(POLL, st.integers(1, 6)), min_size=3, max_size=8).map(
    lambda runs: [poll for poll, times in runs for poll in [poll] * times]
)


@dataclass
class World:
    """Makes the events of a life."""

    kafka: Kafka = field(default_factory=lambda: Kafka(GROUPS, ("log",), at=BEGIN))
    sqs: Sqs = field(default_factory=lambda: Sqs(GROUPS, at=BEGIN))
    absent: dict[str, int] = field(default_factory=dict)

    def events(self, polls: Sequence[Poll]) -> Iterator[tuple[float, "Event"]]:
        now, without = BEGIN, False
        yield now, Settings(LIMITS, POLICY, PLACES)
        for poll in polls:
            now += poll.seconds
            if poll.without is not without:
                without = poll.without
                yield now, Settings(WITHOUT if without else LIMITS, POLICY, PLACES)
            if poll.command is not None:
                yield now, poll.command
            for name in GROUPS:
                (self.kafka.stop if name in poll.stopped else self.kafka.go_on)(name)
                (self.sqs.fill if name in poll.full else self.sqs.empty)(f"{name}-dlq")
            self.kafka.states = dict.fromkeys(poll.empty, "Empty")
            self.kafka.up, self.kafka.answers = poll.brokers, "kafka" not in poll.blind
            self.kafka.pass_time(now)
            self.sqs.pass_time(now)
            self.absent = {name: self.absent.get(name, 0) + 1 for name in poll.deleted}
            yield now, Look(self.cluster(poll, self.kafka.snapshot()), "kafka:prod")
            yield now, Look(self.queues(poll, self.sqs.snapshot()), "sqs:prod")
            yield now, Tick()

    def cluster(self, poll: Poll, seen: KafkaSnapshot) -> KafkaSnapshot:
        if not seen.groups.items:
            return seen
        return replace(
            seen, topics=self.listing(poll, seen.topics, seen.at), groups=self.listing(poll, seen.groups, seen.at)
        )

    def queues(self, poll: Poll, seen: SqsSnapshot) -> SqsSnapshot:
        if "sqs" in poll.blind:
            return unseen_sqs(seen.target, seen.at, HOLE)
        return replace(seen, queues=self.listing(poll, seen.queues, seen.at, "-dlq"))

    def listing(self, poll: Poll, seen: Listing[Any], at: float, end: str = "") -> Listing[Any]:
        """With `end` the names are those of dead-letter queues."""
        hidden, away = ({f"{name}{end}" for name in names} for names in (poll.hidden, poll.unlisted | poll.deleted))
        items: Mapping[str, Any] = {
            name: HOLE if name in hidden else item for name, item in seen.items.items() if name not in away
        }
        absent = {f"{name}{end}": Absence(at, count) for name, count in self.absent.items()}
        blind = seen.blind or ((HOLE,) if poll.unlisted else ())
        return Listing(items, blind, absent)


Event = Look | Tick | Settings | Command
MODEST = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def began() -> House:
    return House(checks(), LIMITS, POLICY)


def live(house: House, events: Sequence[tuple[float, Event]]) -> Iterator[tuple[Event, House, Change]]:
    """Each event, the house before it, and what it makes of it."""
    for now, event in events:
        change = cycle(house, event if isinstance(event, Look | Tick | Settings) else Order(event), now)
        yield event, house, change
        house = change.house


def told(house: House, events: Sequence[tuple[float, Event]]) -> tuple[list[Transition], House]:
    transitions: list[Transition] = []
    for _, _, change in live(house, events):
        transitions += change.transitions
        house = change.house
    return transitions, house


# ── law 4 ──

ENDS = {Kind.RESOLVED: Verdict.CLEAR, Kind.GONE: Verdict.GONE, Kind.OFF: Verdict.OFF}


def ends_on_verdicts(polls: Sequence[Poll]) -> set[Kind]:
    """What happened in a life in which no alert ended but on a verdict."""
    happened: set[Kind] = set()
    for event, before, change in live(began(), list(World().events(polls))):
        happened |= {transition.kind for transition in change.transitions}
        kept = change.house.state.alerts
        assert all(a.id in kept for a in before.state.firing()), "a firing alert was forgotten"
        for transition in change.transitions:
            if transition.kind not in ENDS:
                continue
            assert isinstance(event, Look), "only a look can tell"
            target = event.snapshot.address
            fingerprint = before.state.alerts[transition.alert].fingerprint
            report, former = change.house.watches[target].report, before.watches[target].report
            assert report.unseen is None
            if fingerprint.check == TARGET_BLIND:
                continue
            assert report.verdict(fingerprint) is ENDS[transition.kind]
            if transition.kind is Kind.RESOLVED:
                assert former.verdict(fingerprint) is Verdict.CLEAR, "twice"
        for fingerprint, setting in before.state.settings.items():
            after = change.house.state.settings.get(fingerprint)
            if (after is None or after.fixed) and not setting.fixed:
                assert setting.finding.kind is CheckKind.CONFIGURATION
                assert change.house.watches[fingerprint.address.root].report.verdict(fingerprint) in ENDS.values()
    return happened


@MODEST
@given(POLLS)
def test_law_4_an_alert_ends_on_a_verdict_alone(polls: list[Poll]) -> None:
    ends_on_verdicts(polls)


QUIET = Poll(
    60.0, *(frozenset[str](),) * 2, frozenset({1, 2, 3}), *(frozenset[str](),) * 5, without=False, command=None
)


def test_every_way_to_end_is_reached() -> None:
    b, full = frozenset("b"), _like(QUIET, full=frozenset("ab"))
    polls = [QUIET, full, full, full, _like(full, hidden=b), full, QUIET, QUIET, QUIET]
    polls += [full, full, full, _like(full, unlisted=b), _like(full, deleted=b), _like(full, deleted=b), QUIET]
    leaderless = _like(QUIET, brokers=frozenset({2}))
    polls += [leaderless, leaderless, _like(leaderless, without=True), QUIET, QUIET]
    blind = _like(QUIET, seconds=240.0, blind=frozenset(("kafka",)))
    polls += [blind, blind, blind, QUIET, QUIET, QUIET, QUIET]
    wanted = {Kind.FIRED, Kind.FROZEN, Kind.THAWED, Kind.RESOLVED, Kind.GONE, Kind.OFF}
    assert wanted <= ends_on_verdicts(polls)


def _like(poll: Poll, **changes: Any) -> Poll:
    return poll._replace(**changes)


# ── law 3 ──


def recorded(events: Sequence[tuple[float, Event]]) -> list[tuple[float, Event]]:
    """The same through the files in which snapshots and commands are kept."""
    seen = [event.snapshot for _, event in events if isinstance(event, Look)]
    again: Iterator[Snapshot] = iter(files.loads(files.dumps(seen)))
    return [
        (now, replace(event, snapshot=next(again)))
        if isinstance(event, Look)
        else (now, event if isinstance(event, Tick | Settings) else command_in(command_out(event)))
        for now, event in events
    ]


@MODEST
@given(POLLS)
def test_law_3_what_was_recorded_gives_the_same(polls: list[Poll]) -> None:
    events = list(World().events(polls))
    transitions, house = told(began(), events)
    again, other = told(began(), recorded(events))
    assert again == transitions
    assert other.state == house.state


@MODEST
@given(POLLS, st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True))
def test_law_3_a_restart_changes_nothing_that_happens(polls: list[Poll], deaths: list[int]) -> None:
    events = list(World().events(polls))
    transitions, _ = told(began(), events)
    with tempfile.TemporaryDirectory() as folder:
        house, again = began(), list[Transition]()
        frames = Frames(Path(folder) / "history.db")
        for number, one in enumerate(events):
            ((_, _, change),) = live(house, [one])
            again += change.transitions
            house = change.house
            if change.seen is not None:
                frames.keep(house.history, change.seen)
            if number in deaths:
                house = restarted(Path(folder), house, frames, one[0])
        frames.close()
    assert unordered(again) == unordered(transitions)


def unordered(transitions: Sequence[Transition]) -> list[str]:
    """What happens at the same time has no order that must survive."""
    return sorted(map(repr, transitions))


def restarted(folder: Path, house: House, frames: Frames, now: float) -> House:
    """What is left of a house: its state and its history, from the disk."""
    store = Store(folder / "state.db")
    store.commit(house.state)
    store.close()
    store = Store(folder / "state.db")
    state = recover(store.state)
    store.close()
    return House(house.checks, house.limits, house.policy, state, frames.load(now))
