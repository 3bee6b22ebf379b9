"""Rights as IAM gives them: moto enforces the policies, and its refusals are HTTP 403 in a form that is not AWS's."""

import json
from collections.abc import Callable, Iterator, Sequence

import pytest

from agent.collect.aws.sqs import SqsCollector, SqsSettings
from checks import all_checks
from checks.evaluate import evaluate
from checks.facts import History, Queue, SqsSnapshot, Unknown, Why, facts_of
from checks.limits import Limits
from tests.live.sqs import ACCOUNT, REGION, SqsServer

Look = Callable[..., SqsSnapshot]

README = ("sqs:ListQueues", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ListDeadLetterSourceQueues")


@pytest.fixture
def look(server: SqsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Look]:
    """One look at the queues orders and orders-dlq as a user who may do `actions`, but not on `denied`."""
    sqs, iam = server.client(), server.client("iam")
    sqs.create_queue(QueueName="orders-dlq")
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders-dlq", "maxReceiveCount": 3}
    sqs.create_queue(QueueName="orders", Attributes={"RedrivePolicy": json.dumps(policy)})
    iam.create_user(UserName="auditor")
    key = iam.create_access_key(UserName="auditor")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    def run(actions: Sequence[str] = (), denied: str = "", **settings: object) -> SqsSnapshot:
        server.enforce_iam(None)
        rules = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}] if actions else []
        if denied:
            where = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{denied}"
            rules.append({"Effect": "Deny", "Action": ["sqs:GetQueueAttributes"], "Resource": where})
        if rules:
            document = json.dumps({"Version": "2012-10-17", "Statement": rules})
            iam.put_user_policy(UserName="auditor", PolicyName="may", PolicyDocument=document)
        server.enforce_iam()
        made = SqsSettings(region=REGION, endpoint_url=server.url, **settings)  # type: ignore[arg-type]
        return SqsCollector(made).collect(None, 20.0)

    yield run
    server.enforce_iam(None)


def test_no_right_at_all_is_an_unseen_target(look: Look) -> None:
    snapshot = look()
    (blind,) = snapshot.queues.blind
    assert (blind.why, blind.close) == (Why.DENIED, "allow sqs:ListQueues on *")
    assert isinstance(snapshot.account, Unknown)


def test_the_rights_of_the_readme_are_enough(look: Look) -> None:
    snapshot = look(README)
    assert snapshot.queues.blind == ()
    assert {type(queue) for queue in snapshot.queues.items.values()} == {Queue}
    part = look(README, prefix="orders-")
    assert part.sources == {"orders-dlq": ("orders",)}


def test_a_queue_that_may_not_be_read_is_a_gap_and_no_finding(look: Look) -> None:
    snapshot = look(README, denied="orders-dlq")
    assert isinstance(snapshot.queues.items["orders"], Queue)
    denied = snapshot.queues.items["orders-dlq"]
    assert isinstance(denied, Unknown)
    assert (denied.why, denied.close) == (Why.DENIED, "allow sqs:GetQueueAttributes on orders-dlq")
    history = History()
    history.append(snapshot)
    report = evaluate(facts_of(snapshot, history), all_checks(), Limits())
    assert {mark.check for mark in report.findings} == {"sqs/tls-not-forced"}, (
        "what the others can't tell is no finding"
    )
    about = {(gap.check, gap.address.name) for gap in report.gaps.values() if gap.unknown.why is Why.DENIED}
    assert ("sqs/dlq-missing", "orders-dlq") in about
    assert ("sqs/dlq-retention-short", "orders") in about


def test_what_each_right_is_for(look: Look) -> None:
    snapshot = look(README[:1])
    assert {str(getattr(queue, "why", None)) for queue in snapshot.queues.items.values()} == {"denied"}
    named = look(README[:1], queues=("orders",)).queues.items["orders"]
    assert isinstance(named, Unknown)
    assert named.close == "allow sqs:GetQueueUrl on orders"
    part = look(README[:3], prefix="orders-")
    sources = part.sources["orders-dlq"]
    assert isinstance(sources, Unknown)
    assert sources.why is Why.DENIED
