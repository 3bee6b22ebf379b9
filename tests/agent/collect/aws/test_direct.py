"""The short way to a queue's attributes: signed as botocore signs, and botocore itself wherever it does not lead through."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from agent.collect.aws.direct import signature
from agent.collect.aws.sqs import SqsCollector, SqsSettings
from checks.facts import Queue, SqsSnapshot, Unknown, Why
from tests.agent.collect.aws.gateway import Answer, Call, Gateway, refuse
from tests.agent.collect.kafka.conftest import Authority
from tests.live.sqs import REGION, SqsServer

Looks = Callable[[], SqsSnapshot]
ATTRIBUTES = "GetQueueAttributes"


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1"])
def test_it_is_signed_as_botocore_signs(token: str | None, region: str) -> None:
    body = b'{"QueueUrl": "https://sqs/1/q", "AttributeNames": ["All"]}'
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.GetQueueAttributes"}
    request = AWSRequest("POST", f"https://sqs.{region}.amazonaws.com/", headers=headers, data=body)
    SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", token), "sqs", region).add_auth(request)
    ours = {**headers, "host": f"sqs.{region}.amazonaws.com", "x-amz-date": request.headers["X-Amz-Date"]}
    if token:
        ours["x-amz-security-token"] = token
    signed = signature(dict(sorted(ours.items())), "/", body, region, "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG")
    assert signed == request.headers["Authorization"]


@pytest.fixture
def looks(gateway: Gateway, server: SqsServer) -> Looks:
    """Looks at the queue q and another one, with one collector."""
    for name in ("q", "other"):
        server.client().create_queue(QueueName=name)
    collector = SqsCollector(SqsSettings(region=REGION, endpoint_url=gateway.url))
    return lambda: collector.collect(None, 20.0)


def agents(gateway: Gateway) -> list[str]:
    """Who asked for the attributes of q, one word for each call."""
    asked = (call for call in gateway.asked(ATTRIBUTES) if call.fields["QueueUrl"].endswith("/q"))
    return ["direct" if call.agent == "mqcanary" else "botocore" for call in asked]


def test_what_succeeds_needs_one_call(gateway: Gateway, looks: Looks) -> None:
    for _ in range(3):
        assert isinstance(looks().queues.items["q"], Queue)
    assert agents(gateway) == ["direct"] * 3


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (refuse("InternalError", 500), None),
        (refuse("ThrottlingException", 400), None),
        (lambda _call, _behind: (200, b"{"), None),
        (lambda _call, _behind: (200, b'{"Attributes": []}'), None),
        (refuse("AccessDenied"), Why.DENIED),
    ],
    ids=["500", "throttled", "half", "strange", "denied"],
)
def test_what_does_not_is_asked_by_botocore(
    gateway: Gateway, looks: Looks, hook: Callable[[Call, Callable[[], Answer]], Answer], why: Why | None
) -> None:
    calls: list[Call] = []

    def first(call: Call, behind: Callable[[], Answer]) -> Answer:
        if call.fields["QueueUrl"].endswith("/other"):
            return behind()
        calls.append(call)
        return hook(call, behind) if why or len(calls) == 1 else behind()

    gateway.hooks[ATTRIBUTES] = first
    queue = looks().queues.items["q"]
    assert (queue.why if isinstance(queue, Unknown) else None) is why
    assert agents(gateway) == ["direct", "botocore"]
    looks()  # a denied one is not asked for twice each time
    assert agents(gateway)[2:] == (["botocore"] if why else ["direct"])


def test_a_connection_that_was_closed_meanwhile_is_opened_again(gateway: Gateway, looks: Looks) -> None:
    gateway.keep_alive()
    assert isinstance(looks().queues.items["q"], Queue)
    gateway.cut()
    assert isinstance(looks().queues.items["q"], Queue)
    assert agents(gateway) == ["direct"] * 2


def test_a_proxy_is_left_to_botocore(gateway: Gateway, looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", gateway.url)
    monkeypatch.setenv("no_proxy", "")
    assert isinstance(looks().queues.items["q"], Queue)
    assert agents(gateway) == ["botocore"]


@pytest.fixture
def guarded(
    server: SqsServer, authority: Authority, server_context: Callable[..., ssl.SSLContext]
) -> Iterator[Gateway]:
    server.client().create_queue(QueueName="q")
    with Gateway(server.port, tls=server_context()) as door:
        yield door


def test_the_bundle_of_the_environment_is_trusted_and_nobody_else(
    guarded: Gateway, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SqsSettings(region=REGION, endpoint_url=guarded.url, queues=("q",))
    bundle = tmp_path / "ca.pem"
    bundle.write_text(authority.ca.certificate)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    assert isinstance(SqsCollector(settings).collect(None, 20.0).queues.items["q"], Queue)
    assert agents(guarded) == ["direct"]
    monkeypatch.delenv("AWS_CA_BUNDLE")
    assert not isinstance(SqsCollector(settings).collect(None, 20.0).queues.items.get("q"), Queue)
    assert len(agents(guarded)) == 1
