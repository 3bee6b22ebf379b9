"""What a missing right costs is computed from what checks take: here it is held against what they do when a section is denied."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module

import pytest

from agent.collect.aws import rights as aws
from agent.collect.kafka import rights as kafka
from agent.doctor.costs import SECTIONS, blinded
from checks import all_checks
from checks.check import Check
from checks.evaluate import evaluate
from checks.facts import History, KafkaSnapshot, Listing, Queue, Snapshot, SqsSnapshot, Unknown, Why, facts_of
from checks.facts.of_kafka import KafkaFacts
from checks.facts.of_sqs import SqsFacts
from tests.checks.examples import Example

DENIED = Unknown(Why.DENIED, "taken away by the test", "grant it")
FIELDS = sorted({field for right in (*kafka.RIGHTS, *aws.RIGHTS) for field in right.sections})


def test_of_every_kind_of_fact_it_is_known_what_it_rests_on() -> None:
    missing = (KafkaFacts.PROVIDERS.keys() | SqsFacts.PROVIDERS.keys()) - SECTIONS.keys()
    assert not missing, f"add them to agent/doctor/costs.py: {missing}"


def test_every_section_is_a_field_of_a_snapshot() -> None:
    fields = set(KafkaSnapshot.__dataclass_fields__) | set(SqsSnapshot.__dataclass_fields__)
    assert {field for fields in SECTIONS.values() for field in fields} <= fields
    assert set(FIELDS) <= fields


def without(snapshot: Snapshot, field: str) -> Snapshot:
    """The snapshot as it is where nothing of a section may be seen."""
    value = getattr(snapshot, field)
    if isinstance(value, Listing):
        denied: object = replace(value, items=dict.fromkeys(value.items, DENIED), absent={}, blind=(DENIED,))
    elif isinstance(value, dict):
        denied = dict.fromkeys(value, DENIED)
    else:
        denied = DENIED
    return replace(snapshot, **{field: denied})  # type: ignore[arg-type]


def examples(check: Check) -> Iterator[Example]:
    room, name = check.id.split("/")
    yield from import_module(f"tests.checks.{room}.test_{name.replace('-', '_')}").FIRING


@pytest.mark.parametrize("field", FIELDS)
def test_no_check_is_blinded_by_what_its_facts_do_not_rest_on(field: str) -> None:
    expected = set(blinded([field], all_checks()))
    hurt = set()
    for check in all_checks():
        for example in examples(check):
            if not hasattr(example.snapshots[0], field):
                continue
            history = History()
            seen = [without(snapshot, field) for snapshot in example.snapshots]
            for snapshot in seen:
                history.append(snapshot)
            report = evaluate(facts_of(seen[-1], history), [check], example.limits)
            if any(gap.check == check.id and gap.unknown is DENIED for gap in report.gaps.values()):
                hurt.add(check.id)
    assert hurt <= expected
    # Who takes a fact need not look at each part of it; but without the main ones somebody is blind.
    assert hurt or field not in {"topics", "topic_configs", "groups", "committed", "ends", "queues"}


def test_queues_hide_queues() -> None:
    assert blinded(("queues",), all_checks()) == tuple(
        check.id for check in all_checks() if any(kind is Queue or "queues" in SECTIONS[kind] for kind in check.facts)
    )
