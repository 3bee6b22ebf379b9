"""Views from snapshots, and what a scrape of them says."""

from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from agent.metrics import Exposition
from agent.view import Good, TargetView, View
from checks.evaluate import Finding, Report
from checks.facts import History, Snapshot, Unknown, Why, facts_of, unseen_kafka
from tests.checks.examples import AT

GONE = Unknown(Why.UNREACHABLE, "no broker answers")

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def report_of(snapshot: Snapshot, *findings: Finding, **more: Any) -> Report:
    return Report(
        target=snapshot.address,
        at=snapshot.at,
        findings={finding.fingerprint: finding for finding in findings},
        gaps=more.pop("gaps", {}),
        lingering=frozenset(),
        gone=frozenset(),
        judged={},
        off=frozenset(),
        **more,
    )


def target(*snapshots: Snapshot, report: Report | None = None, **stats: Any) -> TargetView:
    """A target that is up; the last snapshot is now."""
    history = History()
    for snapshot in snapshots:
        history.append(snapshot)
    newest = snapshots[-1]
    facts = facts_of(newest, history)
    report = report or report_of(newest)
    good = Good(newest, facts, report)
    return TargetView(newest.address, "place", newest, facts, report, good, 30.0, 0.25, **{"looks": 1, **stats})


def blinded(before: TargetView, at: float) -> TargetView:
    """The same target when nothing of it can be seen any more."""
    snapshot = unseen_kafka(before.address.target, at, GONE)
    return TargetView(
        before.address,
        before.place,
        snapshot,
        facts_of(snapshot, History()),
        report_of(snapshot, unseen=GONE),
        before.good,
        before.every,
        before.took,
    )


def view(*targets: TargetView, at: float = AT, **more: Any) -> View:
    return View(at=at, targets={one.address: one for one in targets}, judged=at, started=AT - 60, **more)


def scraped(made: Exposition) -> Series:
    """Every series, by an independent parser; fails on one that occurs twice or a family in two places."""
    found: Series = {}
    families: list[str] = []
    for family in text_string_to_metric_families(made.text.decode()):
        families.append(family.name)
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    assert len(families) == len(set(families))
    return found


def of(found: Series, name: str, *shown: str) -> Mapping[Any, float]:
    """The series of one family by the values of the labels in `shown` (one: plain; none: the only value is at ())."""
    picked: dict[Any, float] = {}
    for (sample, labels), value in found.items():
        if sample == "mqcanary_" + name:
            values = dict(labels)
            key: Sequence[str] = [values[label] for label in shown]
            picked[key[0] if len(shown) == 1 else tuple(key)] = value
    return picked
