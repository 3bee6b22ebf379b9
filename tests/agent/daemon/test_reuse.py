"""Law 2 through the daemon: what is kept from look to look never changes what is said, over all examples of all checks."""

from dataclasses import replace

import pytest

from agent.cycle import House, Look, cycle
from agent.daemon.memory import same
from checks.check import Check
from checks.evaluate import Report, evaluate
from checks.facts import History, KafkaSnapshot, LogEnds, Snapshot, facts_of
from tests.checks.examples import Example
from tests.checks.test_laws import CASES, IDS

PLACE = "prod"


def later(snapshot: Snapshot, seconds: float) -> Snapshot:
    """The same, read anew."""
    moved = replace(snapshot, at=snapshot.at + seconds)
    if isinstance(moved, KafkaSnapshot) and isinstance(moved.ends, LogEnds):
        return replace(moved, ends=replace(moved.ends, at=moved.ends.at + seconds))
    return moved


def looks(example: Example) -> list[Snapshot]:
    """The example, then twice more what it ended with: a time in which nothing moves."""
    newest = example.snapshots[-1]
    return [*example.snapshots, later(newest, 30.0), later(newest, 60.0)]


def plain(check: Check, example: Example) -> list[Report]:
    """Each look judged as if it were the first of a run, with the history before it."""
    history, reports = History(), []
    for snapshot in looks(example):
        history.append(snapshot)
        reports.append(evaluate(facts_of(snapshot, history), [check], example.limits))
    return reports


def kept(check: Check, example: Example) -> list[Report]:
    """As the agent does it: what did not change is the same object, and derived facts are handed on."""
    house, reports = House(checks=[check], limits=example.limits), []
    before: Snapshot | None = None
    for snapshot in looks(example):
        before = same(snapshot, before)
        house = cycle(house, Look(before, PLACE), before.at).house
        reports.append(house.watches[before.address].report)
    return reports


@pytest.mark.parametrize(("check", "example"), CASES, ids=IDS)
def test_what_is_kept_never_changes_a_report(check: Check, example: Example) -> None:
    for expected, found in zip(plain(check, example), kept(check, example), strict=True):
        assert replace(found, lingering=frozenset()) == replace(expected, lingering=frozenset())
