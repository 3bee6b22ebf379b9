"""What AWS's refusals become, and how discovery chooses: against moto."""

import json

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from agent.collect.aws import session
from agent.collect.aws.queue import elsewhere
from agent.collect.aws.sqs import SqsCollector, SqsSettings, reason
from checks.facts import Queue, SqsSnapshot, Unknown, Why
from tests.live.sqs import ACCOUNT, REGION, SqsServer


def error(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "X")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("failure", "why", "told"),
    [
        (error("403", 403), Why.DENIED, "access denied"),
        (error("AccessDenied", 400), Why.DENIED, "access denied"),
        (error("ExpiredToken", 403), Why.DENIED, "expired"),
        (error("InvalidClientTokenId", 403), Why.DENIED, "does not know these credentials"),
        (error("InternalError", 500), Why.UNREACHABLE, "InternalError"),
        (NoCredentialsError(), Why.DENIED, "no usable AWS credentials"),
        (TimeoutError("slow"), Why.DEADLINE, "in time"),
        (OSError("no route\nto host"), Why.UNREACHABLE, "no route to host"),
    ],
)
def test_a_refusal_is_named(failure: Exception, why: Why, told: str) -> None:
    unknown = reason(failure, "the list", "sqs:ListQueues")
    assert unknown.why is why
    assert told in unknown.detail


def collect(server: SqsServer, previous: SqsSnapshot | None = None, **settings: object) -> SqsSnapshot:
    made = SqsSettings(region=REGION, endpoint_url=server.url, **settings)  # type: ignore[arg-type]
    return SqsCollector(made).collect(previous, 20.0)


def test_a_source_outside_the_prefix_is_found_by_asking(server: SqsServer) -> None:
    sqs = server.client()
    sqs.create_queue(QueueName="app-dead")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:app-dead"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    sqs.create_queue(QueueName="other", Attributes={"RedrivePolicy": policy})
    snapshot = collect(server, prefix="app-")
    assert set(snapshot.queues.items) == {"app-dead"}
    assert snapshot.sources == {"app-dead": ("other",)}
    whole = collect(server)
    assert set(whole.queues.items) == {"app-dead", "other"}
    assert whole.sources == {}
    assert whole.target == f"{ACCOUNT}.{REGION}"
    outside = collect(server, queues=("other", "nobody"))
    assert set(outside.others) == {arn}
    assert not isinstance(outside.others[arn], Unknown)
    assert set(outside.queues.absent) == {"nobody"}


def test_a_queue_is_gone_when_asked_for_by_name(server: SqsServer) -> None:
    sqs = server.client()
    url = sqs.create_queue(QueueName="short-lived")["QueueUrl"]
    before = collect(server)
    sqs.delete_queue(QueueUrl=url)
    for polls in (1, 2):
        before = collect(server, before)
        assert before.queues.absent["short-lived"].polls == polls


def test_where_it_is_asked_is_known_for_commands(server: SqsServer) -> None:
    server.client().create_queue(QueueName="orders")
    orders = collect(server).queues.items["orders"]
    assert isinstance(orders, Queue)
    assert orders.endpoint == server.url
    assert elsewhere("http://me:hidden@localhost:4566/sqs/?token=hidden") == "http://localhost:4566/sqs"
    for own in ("https://sqs.us-east-1.amazonaws.com", "https://sqs.cn-north-1.amazonaws.com.cn/"):
        assert elsewhere(own) == ""


def test_exclusion_is_counted(server: SqsServer) -> None:
    for name in ("a-1", "a-2", "b-1"):
        server.client().create_queue(QueueName=name)
    snapshot = collect(server, exclude=("a-*",))
    assert (set(snapshot.queues.items), snapshot.queues.excluded) == ({"b-1"}, 2)


def test_more_queues_than_a_page(server: SqsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_PAGE", 10)
    sqs = server.client()
    for n in range(31):
        sqs.create_queue(QueueName=f"q-{n}")
    assert len(collect(server).queues.items) == 31


def test_an_endpoint_that_is_down_is_an_unseen_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    snapshot = SqsCollector(SqsSettings(region=REGION, endpoint_url="http://127.0.0.1:1")).collect(None, 5.0)
    assert isinstance(snapshot.account, Unknown)
    assert snapshot.queues.blind
