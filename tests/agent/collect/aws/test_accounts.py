"""Which queues are looked at, as whom, and what belongs to others."""

import json
import time
from collections.abc import Callable

import pytest

from agent.collect.aws.sqs import SqsCollector, SqsSettings
from agent.collect.targets import GRACE
from checks.facts import Queue, RedrivePolicy, SqsSnapshot, Unknown, Why
from tests.agent.collect.aws.gateway import Gateway, attributes, refuse, refuse_xml
from tests.live.sqs import ACCOUNT, REGION, SqsServer

Collect = Callable[..., SqsSnapshot]

OTHER = "210987654321"
ROLE = f"arn:aws:iam::{OTHER}:role/reader"
READS = {
    "AssumeRole",
    "GetCallerIdentity",
    "GetQueueAttributes",
    "GetQueueUrl",
    "GetResources",
    "ListDeadLetterSourceQueues",
    "ListQueues",
}
"""All that a collector may ever ask of AWS. None receives a message, none changes anything."""


def arn(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:sqs:{region}:{account}:{name}"


def redrive(target: str) -> str:
    return json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": "5"})


def test_by_tags_all_of_them(server: SqsServer, collect: Collect) -> None:
    sqs = server.client()
    sqs.create_queue(QueueName="both", tags={"team": "pay", "env": "prod"})
    sqs.create_queue(QueueName="one", tags={"team": "pay"})
    sqs.create_queue(QueueName="another", tags={"team": "web", "env": "prod"})
    sqs.create_queue(QueueName="none")
    assert set(collect(tags={"team": "pay"}).queues.items) == {"both", "one"}
    snapshot = collect(tags={"team": "pay", "env": "prod"})
    assert isinstance(snapshot.queues.items["both"], Queue)
    assert set(snapshot.queues.items) == {"both"}
    assert snapshot.queues.blind == ()
    nobody = collect(tags={"team": "nobody"})
    assert (dict(nobody.queues.items), nobody.queues.blind, nobody.target) == ({}, (), f"{ACCOUNT}.{REGION}")


def test_a_queue_that_lost_its_tag_is_not_looked_at_and_not_gone(server: SqsServer, collect: Collect) -> None:
    sqs = server.client()
    url = sqs.create_queue(QueueName="q", tags={"team": "pay"})["QueueUrl"]
    before = collect(tags={"team": "pay"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["team"])
    after = collect(before, tags={"team": "pay"})
    assert (dict(after.queues.items), dict(after.queues.absent)) == ({}, {})


def test_tags_that_may_not_be_read(server: SqsServer, gateway: Gateway, collect: Collect) -> None:
    server.client().create_queue(QueueName="q", tags={"team": "pay"})
    gateway.hooks["GetResources"] = refuse("AccessDeniedException", 400)
    (unknown,) = collect(tags={"team": "pay"}).queues.blind
    assert (unknown.why, unknown.close) == (Why.DENIED, "allow tag:GetResources on *")


@pytest.mark.parametrize("external", [None, "their-secret-number"])
def test_an_assumed_role_sees_the_other_account(
    server: SqsServer, gateway: Gateway, collect: Collect, external: str | None
) -> None:
    server.client().create_queue(QueueName="ours")
    role = server.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
    server.client(key=role["AccessKeyId"], secret=role["SecretAccessKey"]).create_queue(QueueName="theirs")
    snapshot = collect(role_arn=ROLE, external_id=external)
    assert set(snapshot.queues.items) == {"theirs"}
    assert snapshot.target == f"{OTHER}.{REGION}"
    (asked,) = gateway.asked("AssumeRole")
    assert asked.key == "test"
    assert (asked.fields["RoleArn"], asked.fields["RoleSessionName"]) == (ROLE, "mqcanary")
    assert asked.fields.get("ExternalId") == external
    keys = {call.key for call in gateway.calls if call is not asked}
    assert len(keys) == 1
    assert keys.pop().startswith("ASIA"), "what is read is read as the role"


def test_a_role_that_may_not_be_assumed(gateway: Gateway, collect: Collect) -> None:
    gateway.hooks["AssumeRole"] = refuse_xml("AccessDenied")
    (unknown,) = collect(role_arn=ROLE).queues.blind
    assert unknown.why is Why.DENIED
    assert ROLE in unknown.detail
    assert unknown.close == f"allow sts:AssumeRole on {ROLE}"
    assert gateway.operations == {"AssumeRole"}, "nothing is read with the wrong credentials instead"


@pytest.mark.parametrize(
    ("foreign", "says"),
    [
        (arn("their-dlq", OTHER), f"their-dlq belongs to account {OTHER}"),
        (arn("far-dlq", region="us-west-2"), "in us-west-2"),
    ],
    ids=["account", "region"],
)
def test_a_dead_letter_queue_elsewhere_is_known_but_unseen(
    server: SqsServer, gateway: Gateway, collect: Collect, foreign: str, says: str
) -> None:
    server.client().create_queue(QueueName="orders")
    gateway.hooks["GetQueueAttributes"] = attributes({"orders": {"RedrivePolicy": redrive(foreign)}})
    snapshot = collect()
    orders = snapshot.queues.items["orders"]
    assert isinstance(orders, Queue)
    assert orders.redrive == RedrivePolicy(foreign, 5)
    unseen = snapshot.others[foreign]
    assert isinstance(unseen, Unknown)
    assert unseen.why is Why.OFF
    assert says in unseen.detail
    assert snapshot.missing == {}
    assert gateway.asked("GetQueueUrl") == [], "a queue of the same name here would be another one"


def test_a_dead_letter_queue_that_was_deleted(server: SqsServer, collect: Collect) -> None:
    sqs = server.client()
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    sqs.create_queue(QueueName="orders", Attributes={"RedrivePolicy": redrive(arn("dead"))})
    sqs.delete_queue(QueueUrl=dead)
    first = collect()
    assert (dict(first.others), first.missing[arn("dead")].polls) == ({}, 1)
    again = collect(first)
    assert (again.missing[arn("dead")].since, again.missing[arn("dead")].polls) == (first.at, 2)
    sqs.create_queue(QueueName="dead")
    assert collect(again).missing == {}


BROKEN = [
    "{",
    "null",
    "[]",
    '"arn:aws:sqs:us-east-1:123456789012:dead"',
    "{}",
    '{"maxReceiveCount": "5"}',
    '{"deadLetterTargetArn": null, "maxReceiveCount": 5}',
    '{"deadLetterTargetArn": "dead", "maxReceiveCount": 5}',
    json.dumps({"deadLetterTargetArn": arn("dead")}),
    json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": "often"}),
    '{"deadLetterTargetArn": "' + arn("dead") + '", "maxReceiveCount": Infinity}',
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_malformed_redrive_policy_is_unknown_for_that_queue_alone(
    server: SqsServer, gateway: Gateway, collect: Collect, text: str
) -> None:
    sqs = server.client()
    for name in ("broken", "dead"):
        sqs.create_queue(QueueName=name)
    sqs.create_queue(QueueName="whole", Attributes={"RedrivePolicy": redrive(arn("dead"))})
    gateway.hooks["GetQueueAttributes"] = attributes({"broken": {"RedrivePolicy": text}})
    snapshot = collect()
    broken, whole = snapshot.queues.items["broken"], snapshot.queues.items["whole"]
    assert isinstance(broken, Queue)
    assert isinstance(whole, Queue)
    assert isinstance(broken.redrive, Unknown)
    assert broken.visible == 0, "the rest of the queue is known"
    assert whole.redrive == RedrivePolicy(arn("dead"), 5)
    assert (dict(snapshot.others), snapshot.queues.blind) == ({}, ())


def test_attributes_that_are_no_numbers_are_unknown_for_that_queue_alone(
    server: SqsServer, gateway: Gateway, collect: Collect
) -> None:
    for name in ("broken", "whole"):
        server.client().create_queue(QueueName=name)
    gateway.hooks["GetQueueAttributes"] = attributes({"broken": {"ApproximateNumberOfMessages": "many"}})
    items = collect().queues.items
    assert isinstance(items["broken"], Unknown)
    assert isinstance(items["whole"], Queue)


def test_a_whole_look_only_reads(server: SqsServer, gateway: Gateway, collect: Collect) -> None:
    sqs = server.client()
    url = sqs.create_queue(QueueName="app-dead", tags={"team": "pay"})["QueueUrl"]
    sqs.create_queue(QueueName="app-orders", Attributes={"RedrivePolicy": redrive(arn("app-dead"))})
    sqs.create_queue(QueueName="app-short", tags={"team": "pay"})
    sqs.send_message(QueueUrl=url, MessageBody="x")
    before = collect()
    sqs.delete_queue(QueueUrl=f"{server.url}/{ACCOUNT}/app-short")
    collect(before)
    collect(prefix="app-d")
    collect(queues=("app-orders", "nobody"))
    collect(tags={"team": "pay"})
    collect(prefix="nothing-of-this-name")
    collect(role_arn=ROLE)
    assert gateway.operations == READS
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == "1"
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_the_endpoint_of_the_environment_and_the_setting_before_it(
    server: SqsServer, gateway: Gateway, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.client().create_queue(QueueName="q")
    monkeypatch.setenv("AWS_ENDPOINT_URL", gateway.url)
    assert set(SqsCollector(SqsSettings(region=REGION)).collect(None, 20.0).queues.items) == {"q"}
    assert gateway.operations == {"ListQueues", "GetQueueAttributes"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert set(collect().queues.items) == {"q"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"endpoint_url": "nonsense"}, "Invalid endpoint: nonsense"),
        ({"region": "us east"}, "us east"),
        ({"profile": "nobody"}, "ProfileNotFound"),
    ],
    ids=["endpoint", "region", "profile"],
)
def test_what_cannot_be_used_is_an_unseen_target(collect: Collect, settings: dict[str, str], says: str) -> None:
    snapshot = collect(**settings)
    assert isinstance(snapshot.account, Unknown)
    (unknown,) = snapshot.queues.blind
    assert says in unknown.detail


def test_queues_that_may_not_be_looked_up_are_each_unknown(
    server: SqsServer, gateway: Gateway, collect: Collect
) -> None:
    gateway.hooks["GetQueueUrl"] = refuse("AccessDenied")
    queues = collect(queues=("a", "b")).queues
    assert {name: getattr(queue, "why", None) for name, queue in queues.items.items()} == dict.fromkeys(
        "ab", Why.DENIED
    )
    assert not queues.absent, "a refusal proves nothing"


def test_a_queue_that_is_not_listed_and_may_not_be_looked_up_stays_unknown(
    server: SqsServer, gateway: Gateway, collect: Collect
) -> None:
    server.client().create_queue(QueueName="q")
    before = collect()
    gateway.hooks["ListQueues"] = lambda call, _: (200, b"{}")
    gateway.hooks["GetQueueUrl"] = refuse("AccessDenied")
    after = collect(before).queues
    assert isinstance(after.items["q"], Unknown)
    assert not after.absent


def test_an_expired_token_between_two_looks_is_an_unseen_target(
    server: SqsServer, gateway: Gateway, collect: Collect
) -> None:
    server.client().create_queue(QueueName="q")
    before = collect()
    for operation in ("ListQueues", "GetQueueUrl", "GetQueueAttributes"):
        gateway.hooks[operation] = refuse("ExpiredToken")
    gateway.hooks["GetCallerIdentity"] = refuse_xml("ExpiredToken")
    after = collect(before)
    assert isinstance(after.account, Unknown)
    assert "expired" in after.account.detail
    assert (dict(after.queues.items), dict(after.queues.absent)) == ({}, {})


def test_a_queue_that_does_not_answer_costs_only_itself(server: SqsServer, gateway: Gateway, collect: Collect) -> None:
    for name in ("a", "b", "silent"):
        server.client().create_queue(QueueName=name)
    gateway.hooks["GetQueueAttributes"] = lambda call, behind: (
        gateway.stall(call, behind) if call.fields["QueueUrl"].endswith("/silent") else behind()
    )
    begun = time.monotonic()
    items = collect(seconds=3.0).queues.items
    assert time.monotonic() - begun < 3.0 + GRACE, "its supervisor would have given up all of them"
    assert isinstance(items["a"], Queue)
    assert isinstance(items["b"], Queue)
    assert isinstance(items["silent"], Unknown)
    assert items["silent"].why is Why.DEADLINE


def test_more_silent_queues_than_threads_end_at_the_deadline(
    server: SqsServer, gateway: Gateway, collect: Collect
) -> None:
    for n in range(6):
        server.client().create_queue(QueueName=f"q-{n}")
    gateway.hooks["GetQueueAttributes"] = lambda call, behind: (
        behind() if call.fields["QueueUrl"].endswith("/q-0") else gateway.stall(call, behind)
    )
    begun = time.monotonic()
    items = dict(collect(seconds=3.0, threads=1).queues.items)
    assert time.monotonic() - begun < 3.0 + GRACE
    assert isinstance(items.pop("q-0"), Queue)
    assert {name: getattr(queue, "why", None) for name, queue in items.items()} == {
        f"q-{n}": Why.DEADLINE for n in range(1, 6)
    }
    assert len(gateway.asked("GetQueueAttributes")) <= 5, "what is not read in time is not asked for after it"
