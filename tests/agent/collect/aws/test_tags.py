"""Tags of queues: the two that mean something, read for all queues at once and now and then; refused they are gaps."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent import snapshot as files
from agent.cli import cli
from agent.collect.aws.sqs import SqsCollector, SqsSettings
from agent.collect.aws.tags import AGAIN, EVERY, STANDS, Tagging, Tags, told
from checks import all_checks
from checks.evaluate import Fingerprint, Report, Verdict, evaluate
from checks.facts import History, Queue, SqsSnapshot, Unknown, Why, facts_of
from checks.ignores import TAG, Ignore
from checks.limits import Limits
from checks.pattern import Pattern
from tests.agent.collect.aws.conftest import Collect
from tests.agent.collect.aws.gateway import Call, Gateway
from tests.live.sqs import ACCOUNT, REGION, SqsServer

CHECK = next(check for check in all_checks() if check.id == "sqs/dlq-missing")
REFUSED = Unknown(Why.DENIED, "refused")


def tags(snapshot: SqsSnapshot, name: str) -> object:
    queue = snapshot.queues.items[name]
    assert isinstance(queue, Queue)
    return queue.tags


def judged(snapshot: SqsSnapshot, *ignores: Ignore) -> tuple[Report, Fingerprint]:
    """What is said of the queue orders, which has no dead-letter queue, while an alert of it fires."""
    history = History()
    history.append(snapshot)
    mark = Fingerprint(CHECK.id, snapshot.address.under("queues", "orders"))
    return evaluate(facts_of(snapshot, history), [CHECK], Limits((), ignores), firing={mark}), mark


def test_two_tags_are_read_for_all_queues_at_once(server: SqsServer, gateway: Gateway, collect: Collect) -> None:
    sqs = server.client()
    for n in range(101):
        sqs.create_queue(QueueName=f"q-{n}", tags={"owner": "payments", "secret": "hush"})
    sqs.create_queue(QueueName="orders", tags={TAG: "sqs/dlq-missing until=2027-01-31 reason=replayed  by hand"})
    sqs.create_queue(QueueName="plain")
    snapshot = collect(read_tags=True)
    assert tags(snapshot, "q-100") == {"owner": "payments"}
    assert tags(snapshot, "plain") == {}
    assert "hush" not in files.dumps([snapshot])
    asked = [call.operation for call in gateway.calls]
    assert 1 < asked.count("GetResources") <= 3, "pages of a hundred; moto counts tags beside"
    assert "ListQueueTags" not in asked
    report, mark = judged(replace(snapshot, at=1_800_000_000.0))
    assert report.ignored[mark].by.reason == "replayed by hand"
    assert report.verdict(mark) is Verdict.OFF


def test_nobody_reads_them_without_being_told_to(server: SqsServer, gateway: Gateway, collect: Collect) -> None:
    server.client().create_queue(QueueName="orders", tags={TAG: "all"})
    snapshot = collect()
    unread = tags(snapshot, "orders")
    assert isinstance(unread, Unknown)
    assert unread.why is Why.OFF
    assert "GetResources" not in {call.operation for call in gateway.calls}
    assert judged(snapshot)[1] in judged(snapshot)[0].findings


def test_refused_they_make_gaps_that_are_neither_new_nor_over(
    server: SqsServer, gateway: Gateway, collect: Collect
) -> None:
    server.client().create_queue(QueueName="orders", tags={TAG: "all"})
    gateway.hooks["GetResources"] = lambda *_: (400, json.dumps({"__type": "AccessDeniedException"}).encode())
    snapshot = collect(read_tags=True)
    report, mark = judged(snapshot)
    assert mark not in report.findings
    gap = report.gaps[mark.check, mark.address]
    assert (gap.unknown.why, gap.unknown.close) == (Why.DENIED, "allow tag:GetResources on *")
    assert report.verdict(mark) is Verdict.UNKNOWN
    # What the configuration ignores is so whatever the tags may say.
    ignore = Ignore(("sqs/*",), Pattern(), "known")
    assert judged(snapshot, ignore)[0].verdict(mark) is Verdict.OFF


class Reads:
    """What GetResources would answer, counted."""

    def __init__(self, answer: Mapping[str, Tags] | Unknown) -> None:
        self.answer, self.times = answer, 0

    def __call__(self) -> Mapping[str, Tags] | Unknown:
        self.times += 1
        return self.answer


def test_a_reading_is_good_for_a_quarter_of_an_hour() -> None:
    tagging, reads = Tagging(), Reads({"a": {"owner": "x"}})
    for now in (0.0, 30.0, EVERY - 1):
        assert tagging.of({"a", "b"}, reads, now) == {"a": {"owner": "x"}, "b": {}}
    assert reads.times == 1
    reads.answer = {}
    assert tagging.of({"a"}, reads, EVERY) == {"a": {}}
    assert reads.times == 2


def test_a_refusal_leaves_the_last_reading_for_an_hour_and_a_first_one_leaves_nothing() -> None:
    tagging, reads = Tagging(), Reads(REFUSED)
    assert tagging.of({"a"}, reads, 0.0) == {"a": REFUSED}
    assert tagging.of({"a"}, reads, AGAIN - 1) == {"a": REFUSED}
    assert reads.times == 1
    reads.answer = {"a": {"owner": "x"}}
    assert tagging.of({"a"}, reads, AGAIN) == {"a": {"owner": "x"}}
    reads.answer = REFUSED
    assert tagging.of({"a"}, reads, AGAIN + STANDS - 1) == {"a": {"owner": "x"}}
    assert tagging.of({"a"}, reads, AGAIN + STANDS) == {"a": REFUSED}


def test_the_tags_of_a_new_queue_are_not_known_before_they_are_read() -> None:
    tagging, reads = Tagging(), Reads({"a": {}})
    tagging.of({"a"}, reads, 0.0)
    reads.answer = {"a": {}, "new": {TAG: "all"}}
    found = tagging.of({"a", "new"}, reads, 30.0)
    assert found["a"] == {}
    assert isinstance(found["new"], Unknown)
    assert found["new"].why is Why.YOUNG
    assert tagging.of({"a", "new"}, reads, AGAIN)["new"] == {TAG: "all"}
    assert reads.times == 2


HOSTILE = ("\x1b]0;owned\x07", "a\u202eb", "sqs/dlq-missing\nuntil=9999-99-99", "all reason=" + "x" * 5000, "sqs/*", "")


@pytest.mark.parametrize("value", HOSTILE)
def test_whatever_a_tag_holds_does_no_harm(server: SqsServer, gateway: Gateway, tmp_path: Path, value: str) -> None:
    server.client().create_queue(QueueName="orders")
    entry = {
        "ResourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders",
        "Tags": [{"Key": TAG, "Value": value}, {"Key": "owner", "Value": value}, {"Key": value, "Value": "x"}],
    }

    def answer(_: Call, __: object) -> tuple[int, bytes]:
        return 200, json.dumps({"PaginationToken": "", "ResourceTagMappingList": [entry]}).encode()

    gateway.hooks["GetResources"] = answer
    settings = SqsSettings(REGION, endpoint_url=gateway.url, read_tags=True)
    snapshot = SqsCollector(settings).collect(None, 20.0)
    found = told([entry])["orders"]
    assert tags(snapshot, "orders") == found
    assert all(len(text) <= 256 for text in found.values())
    report, mark = judged(snapshot)
    assert (mark in report.findings) == (not value.startswith("all"))
    path = tmp_path / "s.json"
    path.write_text(files.dumps([snapshot]))
    printed = CliRunner().invoke(cli, ["audit", "--from", str(path), "--fail-on", "never"])
    assert printed.exit_code == 0
    assert all(line.isprintable() for line in printed.output.splitlines())
