"""Which names a target is asked for after a restart: those that its alerts and its findings speak of."""

from datetime import timedelta

import pytest

from agent.daemon.run import _remembered
from alerts.model import Setting, State, TargetState
from checks.check import Fix, Kind, Severity
from checks.evaluate import Finding, Fingerprint
from checks.facts import Address, KafkaSnapshot, SqsSnapshot, Unknown

PROD, OTHER, QUEUES = Address("kafka", "prod"), Address("kafka", "other"), Address("sqs", "queues")


def state() -> State:
    told = [
        Fingerprint("kafka/group-lagging", PROD.under("groups", "payments")),
        Fingerprint("kafka/offline-partition", PROD.under("topics", "orders")),
        Fingerprint("kafka/offline-partition", OTHER.under("topics", "clicks")),
        Fingerprint("sqs/dlq-not-empty", QUEUES.under("queues", "dead")),
    ]
    setting = Fingerprint("sqs/dlq-missing", QUEUES.under("queues", "invoices"))
    finding = Finding(setting, Kind.CONFIGURATION, Severity.WARNING, timedelta(0), "no queue", (), Fix("Make one."))
    places = {PROD: "kafka:prod", OTHER: "kafka:other", QUEUES: "sqs:queues"}
    return State(
        open={fingerprint: str(n) for n, fingerprint in enumerate(told)},
        settings={setting: Setting(finding, 0.0)},
        targets={address: TargetState(address, 0.0, place) for address, place in places.items()},
    )


def test_of_a_cluster() -> None:
    found = _remembered(state(), "kafka:prod")
    assert isinstance(found, KafkaSnapshot)
    assert (set(found.topics.items), set(found.groups.items)) == ({"orders"}, {"payments"})
    assert isinstance(found.cluster, Unknown)


def test_of_queues() -> None:
    found = _remembered(state(), "sqs:queues")
    assert isinstance(found, SqsSnapshot)
    assert set(found.queues.items) == {"dead", "invoices"}


@pytest.mark.parametrize("place", ["kafka:new", ""])
def test_of_a_target_that_was_never_met(place: str) -> None:
    assert _remembered(state(), place) is None
