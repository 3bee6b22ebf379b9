"""Law 2 through the daemon: what is kept from look to look never changes what is said, over all examples of all checks."""

from dataclasses import replace

import pytest

from agent.cycle import House, Look, cycle
from agent.daemon.memory import same
from checks.check import Check
from checks.evaluate import Fingerprint, Report, evaluate
from checks.facts import History, KafkaSnapshot, LogEnds, Snapshot, facts_of
from tests.checks.examples import Example
from tests.checks.test_laws import CASES, IDS, holes

PLACE = "prod"


def later(snapshot: Snapshot, seconds: float) -> Snapshot:
    """The same, read anew."""
    moved = replace(snapshot, at=snapshot.at + seconds)
    if isinstance(moved, KafkaSnapshot) and isinstance(moved.ends, LogEnds):
        return replace(moved, ends=replace(moved.ends, at=moved.ends.at + seconds))
    return moved


def looks(example: Example) -> list[Snapshot]:
    """The example, then twice more what it ended with: a time in which nothing moves. Then that one thing after another
    can't be observed for a look.
    """
    newest = example.snapshots[-1]
    seen = [*example.snapshots, later(newest, 30.0), later(newest, 60.0)]
    for n, hole in enumerate(holes(newest)):
        seen += [later(hole, 90.0 + 60.0 * n), later(newest, 120.0 + 60.0 * n)]
    return seen


def kept(check: Check, example: Example) -> list[tuple[frozenset[Fingerprint], Report]]:
    """As the agent does it: what did not change is the same object, and derived facts are handed on; with what fired before."""
    house, reports = House(checks=[check], limits=example.limits), []
    before: Snapshot | None = None
    for snapshot in looks(example):
        before = same(snapshot, before)
        fired = frozenset(house.state.open)
        house = cycle(house, Look(before, PLACE), before.at).house
        reports.append((fired, house.watches[before.address].report))
    return reports


@pytest.mark.parametrize(("check", "example"), CASES, ids=IDS)
def test_what_is_kept_never_changes_a_report(check: Check, example: Example) -> None:
    history = History()
    for snapshot, (fired, report) in zip(looks(example), kept(check, example), strict=True):
        history.append(snapshot)
        # As if it were the first look of a run, with the history before it.
        anew = evaluate(facts_of(snapshot, history), [check], example.limits, firing=fired)
        assert replace(report, gone=frozenset()) == replace(anew, gone=frozenset())
