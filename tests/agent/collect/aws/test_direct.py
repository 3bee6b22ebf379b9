"""The short way to a queue's attributes: signed as botocore signs, and botocore itself wherever it does not lead through."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from agent.collect.aws.direct import Direct, signature
from agent.collect.aws.sqs import SqsCollector, SqsSettings
from checks.facts import Queue, SqsSnapshot, Unknown, Why
from tests.agent.collect.aws.gateway import Answer, Call, Gateway, refuse
from tests.agent.collect.kafka.conftest import Authority, Handler
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


FINE = b'{"Attributes": {"QueueArn": "arn"}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"


def whole(head: bytes = HEAD, body: bytes = FINE, length: int | None = None) -> bytes:
    return head + f"content-length: {len(body) if length is None else length}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (whole(), True),
        (whole(HEAD + b"X-Amzn-RequestId: 1\r\n"), True),
        (whole(HEAD.replace(b"Content-Type", b"content-type")), True),
        (whole(HEAD.replace(b"1.1 200 OK", b"1.0 200 OK")), True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(FINE) + FINE + b"\r\n0\r\n\r\n", False),
        (HEAD + b"\r\n" + FINE, False),
        (whole(length=len(FINE) + 1), False),
        (whole(length=len(FINE) - 1), False),
        (whole(length=10**8), False),
        (whole(HEAD.replace(b"200 OK", b"500 No")), False),
        (whole(HEAD.replace(b"application/x-amz-json-1.0", b"text/html")), False),
        (whole(body=b"[1]"), False),
        (whole(body=b"{"), False),
        (b"HTTP/1.1 200", False),
        (b"", False),
        (b"\x00" * 5_000_000, False),
    ],
    ids=[
        "fine", "more-headers", "lower-case", "old", "chunked", "no-length", "too-short", "too-long", "huge", "500", "html",
        "list", "half", "cut", "nothing", "endless",
    ],
)  # fmt: skip
@pytest.mark.parametrize("piece", [1 << 20, 7], ids=["at-once", "in-pieces"])
def test_only_the_simplest_answer_is_taken(
    serve: Callable[[Handler], int], answer: bytes, found: bool, piece: int
) -> None:
    piece = max(piece, len(answer) // 100)

    def handle(connection: socket.socket, _stop: threading.Event) -> None:
        connection.recv(65536)
        for start in range(0, len(answer), piece):
            connection.sendall(answer[start : start + piece])
        connection.shutdown(socket.SHUT_WR)

    credentials = Credentials("AKID", "secret")
    link = Direct(f"http://127.0.0.1:{serve(handle)}", REGION, credentials.get_frozen_credentials, None, (5.0, 5.0))
    assert link.attributes("http://q") == ({"QueueArn": "arn"} if found else None)
    link.close()


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        pytest.param([b"{}"], [[]], id="none"),
        pytest.param(
            [b'{"QueueUrls": ["a"], "NextToken": "1"}', b'{"QueueUrls": ["b"]}'], [["a"], ["b"]], id="two-pages"
        ),
        pytest.param([b'{"NextToken": "1"}', b'{"NextToken": "1"}'], None, id="the-same-page-for-ever"),
    ],
)
def test_all_pages_of_the_list_are_read(
    serve: Callable[[Handler], int], answers: list[bytes], found: list[list[str]] | None
) -> None:
    def handle(connection: socket.socket, _stop: threading.Event) -> None:
        for answer in answers:
            connection.recv(65536)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(answer)
            connection.sendall(head + answer)

    credentials = Credentials("AKID", "secret")
    link = Direct(f"http://127.0.0.1:{serve(handle)}", REGION, credentials.get_frozen_credentials, None, (5.0, 5.0))
    assert link.queues("", 1000) == found
    link.close()
