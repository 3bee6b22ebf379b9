"""Laws 1 and 2 over every check and every example, and that none is without examples."""

import dataclasses
import importlib
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from checks import all_checks
from checks.check import SECTIONS, Check
from checks.evaluate import Finding, Fingerprint, Report
from checks.facts import (
    NOT_SAMPLED,
    BrokerConfig,
    KafkaSnapshot,
    Listing,
    Sample,
    Snapshot,
    TopicConfig,
    Unknown,
    Why,
)
from tests.checks.examples import TLS_ONLY, Example, altered, judge
from tests.live.planted import ROWS

HOLE = Unknown(Why.UNREACHABLE, "a hole of the test")


def examples_file(check: Check) -> str:
    """Where its examples are."""
    return f"tests/checks/{check.id.replace('/', '/test_').replace('-', '_')}.py"


def examples(check: Check, kind: str) -> tuple[Example, ...]:
    """Those of one kind; none where nobody has written them, which a test of its own says."""
    name = examples_file(check).removesuffix(".py").replace("/", ".")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return ()
    found: tuple[Example, ...] = getattr(module, kind, ())
    return found


CASES = [
    (check, example)
    for check in all_checks()
    for kind in ("FIRING", "SILENT", "SMALL")
    for example in examples(check, kind)
]
IDS = [f"{check.id}: {example.name}" for check, example in CASES]
FIRING = [(check, example) for check in all_checks() for example in examples(check, "FIRING")]


def holes(value: Any, hint: Any = None) -> Iterator[Any]:  # noqa: C901, PLR0912 - one branch for each shape of a fact
    """The value with one thing in it not observed, for each thing that can be so."""
    if hint == Unknown | None:  # why something else is as it is: nothing that is observed
        return
    if isinstance(hint, types.UnionType) and Unknown in typing.get_args(hint):
        if not isinstance(value, Unknown):
            yield HOLE
        (hint, *_) = [h for h in typing.get_args(hint) if h not in (Unknown, types.NoneType)]
    if isinstance(value, Unknown) or value is None:
        return
    if isinstance(value, Listing):
        inner = typing.get_args(hint)[0] | Unknown
        for name, item in value.items.items():
            for hole in holes(item, inner):
                yield dataclasses.replace(value, items={**value.items, name: hole})
            rest = {n: i for n, i in value.items.items() if n != name}
            yield dataclasses.replace(value, items=rest, blind=(HOLE,))
        for name in value.absent:
            rest_absent = {n: a for n, a in value.absent.items() if n != name}
            yield dataclasses.replace(value, absent=rest_absent, blind=(HOLE,))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, TopicConfig | BrokerConfig):
            for name, setting in value.settings.items():
                # Who does not know this one has no remote storage: that it is not told says no.
                if name != "remote.storage.enable":
                    yield dataclasses.replace(value, settings={n: s for n, s in value.settings.items() if n != name})
                yield dataclasses.replace(value, settings={**value.settings, name: setting._replace(value=None)})
        hints = typing.get_type_hints(type(value))
        for field in dataclasses.fields(value):
            if field.init:
                for hole in holes(getattr(value, field.name), hints[field.name]):
                    yield dataclasses.replace(value, **{field.name: hole})
        if hasattr(value, "error") and isinstance(value.error, np.ndarray):
            for row in range(value.error.size):
                yield _failed(value, row)
    elif isinstance(value, Mapping) and typing.get_args(hint):
        for name, item in value.items():
            for hole in holes(item, typing.get_args(hint)[1]):
                yield {**value, name: hole}
    elif isinstance(value, tuple) and typing.get_args(hint)[1:] == (...,):
        for i, item in enumerate(value):
            for hole in holes(item, typing.get_args(hint)[0]):
                yield (*value[:i], hole, *value[i + 1 :])


def _failed(columns: Any, row: int) -> Any:
    """One row answered with an error code."""
    told = {"error": columns.error.copy()}
    told["error"][row] = 13
    for name in ("offset", "end", "start", "stable", "timestamp"):
        if hasattr(columns, name):
            told[name] = getattr(columns, name).copy()
            told[name][row] = -1
    return dataclasses.replace(columns, **told)


def said(report: Report) -> dict[Fingerprint, tuple[object, ...]]:
    return {mark: (f.severity, f.summary, f.fix) for mark, f in report.findings.items()}


def gap_beside(report: Report, mark: Fingerprint, *, shorter: bool = False) -> bool:
    """A gap of the check on the resource, or on all of its kind; where its list is `shorter`, one of the list will do.

    The list of topics has one always: it says nothing of what is left out of a topic that it shows.
    """
    everywhere = mark.address.root.under(mark.address.kind, "")
    places = [(mark.check, mark.address), (mark.check, everywhere)] + [("", everywhere)] * shorter
    return any(place in report.gaps for place in places)


def list_lacks(hole: Snapshot, whole: Snapshot, kind: str) -> bool:
    """Whether the list of this kind leaves out what it showed."""
    return bool(kind) and getattr(hole, kind).items.keys() != getattr(whole, kind).items.keys()


@pytest.mark.parametrize(("check", "example"), CASES, ids=IDS)
def test_law_1_an_unknown_never_passes(check: Check, example: Example) -> None:
    whole = said(judge(check, example))
    *before, last = example.snapshots
    tried = 0
    for hole in holes(last):
        report = judge(check, Example("holed", (*before, hole), example.limits))
        now = said(report)
        for mark in whole.keys() | now.keys():
            if whole.get(mark) != now.get(mark):
                beside = gap_beside(report, mark, shorter=list_lacks(hole, last, mark.address.kind))
                assert beside, f"{mark}: {whole.get(mark)} became {now.get(mark)} without a gap"
        tried += 1
    assert tried


@pytest.mark.parametrize(("check", "example"), CASES, ids=IDS)
def test_law_1_without_history(check: Check, example: Example) -> None:
    whole, report = said(judge(check, example)), judge(check, Example("young", example.snapshots[-1:], example.limits))
    now = said(report)
    for mark in whole.keys() | now.keys():
        if whole.get(mark) != now.get(mark):
            assert gap_beside(report, mark)


@pytest.mark.parametrize(("check", "example"), CASES, ids=IDS)
def test_law_2_reuse_never_changes_a_result(check: Check, example: Example) -> None:
    first = judge(check, example)
    assert judge(check, example, previous=first) == first
    *before, last = example.snapshots
    for hole in holes(last):
        holed = Example("holed", (*before, hole), example.limits)
        assert judge(check, holed, previous=first) == judge(check, holed)


SAMPLED = [check for check in all_checks() if check.subject.kind is Sample and examples(check, "FIRING")]


@pytest.mark.parametrize("check", SAMPLED, ids=lambda check: check.id)
def test_without_sampling_it_is_one_gap_that_says_how_to_close_it(check: Check) -> None:
    (whole,) = examples(check, "FIRING")[0].snapshots
    report = judge(check, Example("off", (dataclasses.replace(whole, samples=NOT_SAMPLED),)))
    (gap,) = [gap for gap in report.gaps.values() if gap.check]
    assert gap.standing
    assert "--sample GLOB" in gap.unknown.close


@pytest.mark.parametrize("check", SAMPLED, ids=lambda check: check.id)
def test_a_sample_too_small_to_judge_is_a_gap_that_says_how_to_close_it(check: Check) -> None:
    assert examples(check, "SMALL"), f"write SMALL of {check.id} in {examples_file(check)}: samples too small to judge"
    for example in examples(check, "SMALL"):
        (snapshot,) = example.snapshots
        assert isinstance(snapshot, KafkaSnapshot)
        assert not isinstance(snapshot.samples, Unknown)
        for change, why, close in (
            ({}, Why.OFF, r"a larger budget: --sample-budget \d+MB, or sample: {topics: \[...\], budget: \d+MB}"),
            (
                {"budget": 64_000_000},
                Why.OFF,
                "no budget reads so much: a lower `enough` of the check, in the configuration's limits",
            ),
            ({"budget": HOLE}, Why.OFF, "a larger budget: .*"),
            ({"whole": True}, Why.YOUNG, "more records: these are all that the topic holds"),
        ):
            small = {n: dataclasses.replace(s, **change) for n, s in snapshot.samples.items() if isinstance(s, Sample)}  # type: ignore[arg-type]
            report = judge(check, Example("small", (dataclasses.replace(snapshot, samples=small),), example.limits))
            (gap,) = [gap for gap in report.gaps.values() if gap.check]
            assert not report.findings
            assert gap.unknown.why is why
            assert re.fullmatch(close, gap.unknown.close), gap.unknown.close


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_every_check_has_examples_and_is_planted(check: Check) -> None:
    for kind in ("FIRING", "SILENT"):
        assert examples(check, kind), f"write {kind} of {check.id} in {examples_file(check)}: a tuple of Example"
    rows = [row for row in ROWS if row.check == check.id]
    assert len(rows) == 1, (
        f"write one Row of {check.id} in tests/live/planted.py: a resource that has the fault, and one that only looks like it"
    )


def test_what_is_planted_is_there_to_be_found() -> None:
    assert {check for row in ROWS for check in (row.check, *row.also)} <= {check.id for check in all_checks()}


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_every_check_is_whole(check: Check) -> None:
    assert set(check.doc.sections) == set(SECTIONS)
    assert all(check.doc.sections.values())
    for example in examples(check, "FIRING"):
        assert judge(check, example).findings, example.name
    for example in examples(check, "SILENT"):
        report = judge(check, example)
        assert not report.findings, example.name
        assert all(not gap.check or check.id == "sqs/dlq-missing" for gap in report.gaps.values()), example.name


def _other(value: object) -> list[object]:
    if isinstance(value, bool) or value is None:
        return [None, not value]
    if isinstance(value, int | float):
        return [value + 1, 0, 10**7]
    return [[1, 2, 3, 4]] if isinstance(value, tuple) else [f"{value}9", "2"]


@pytest.mark.parametrize(("check", "example"), FIRING, ids=[f"{c.id}: {e.name}" for c, e in FIRING])
def test_altering_the_evidence_alters_the_finding(check: Check, example: Example) -> None:
    *before, last = example.snapshots
    for mark, finding in judge(check, example).findings.items():
        for seen in finding.evidence:
            assert any(_differs(check, (*before, s), example, mark, finding) for s in _alterations(last, seen)), seen
            if not seen.field.startswith(("absent", "members")):  # those can only be taken away
                same = altered(last, seen.address, seen.field, seen.value)
                assert not _differs(check, (*before, same), example, mark, finding), f"{seen} is not what the file has"


def _alterations(last: Snapshot, seen: Any) -> Iterator[Snapshot]:
    whole = {"redrive": {"dead_letter_arn": "arn:x", "max_receive_count": 5}, "policy": TLS_ONLY}
    for value in [whole[seen.field]] if seen.field in whole else _other(seen.value):
        yield altered(last, seen.address, seen.field, value)


def _differs(
    check: Check, snapshots: tuple[Snapshot, ...], example: Example, mark: Fingerprint, finding: Finding
) -> bool:
    now = judge(check, Example("altered", snapshots, example.limits)).findings.get(mark)
    return now is None or now.summary != finding.summary
