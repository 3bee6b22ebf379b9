"""Whatever speaks of a queue that is not at AWS's own address gives commands that go where the queue is."""

from dataclasses import replace

import pytest

from checks import all_checks
from checks.check import Check
from checks.facts import Queue, Snapshot, SqsSnapshot
from tests.checks.examples import Example, judge
from tests.checks.test_laws import examples

URL = "http://127.0.0.1:4566"
CHECKS = [check for check in all_checks() if check.id.startswith(("sqs/", "fifo/"))]


def local(snapshot: Snapshot) -> Snapshot:
    assert isinstance(snapshot, SqsSnapshot)
    items = {
        name: replace(one, endpoint=URL) if isinstance(one, Queue) else one
        for name, one in snapshot.queues.items.items()
    }
    return replace(snapshot, queues=replace(snapshot.queues, items=items))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_commands_go_to_the_endpoint_of_the_queue(check: Check) -> None:
    for example in examples(check, "FIRING"):
        report = judge(check, Example("local", tuple(map(local, example.snapshots)), example.limits))
        assert report.findings
        for finding in report.findings.values():
            calls = [call for call in finding.fix.command.split(" && ") if call.startswith("aws sqs ")]
            assert all(call.endswith(f" --endpoint-url {URL}") for call in calls), finding.fix.command
