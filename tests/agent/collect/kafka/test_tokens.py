"""Tokens: where they come from, how long they are kept, and what is said where there is none."""

import json
import socket
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl

import pytest

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.probe import probe
from agent.collect.kafka.security import Mechanism, Protocol, Security
from agent.collect.kafka.tokens import ClientCredentials, GivenToken, Kept
from agent.demo.cluster import SimulatedCluster, brokers
from agent.errors import ConfigError, ConnectError
from agent.secret import Secret
from tests.agent.collect.kafka.conftest import Authority

SECRET = "hunter2 &~"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtcWNhbmFyeSJ9."


class Endpoint:
    """Answers with what it is told, in turn, the last for ever; remembers who asked for what."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.drip = 0.0  # seconds after each byte
        self.over = threading.Event()
        self.elsewhere = "/elsewhere"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                who = b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
                outer.asked.append((self.path, who, dict(parse_qsl(form))))
                status, body = outer.answers[0] if len(outer.answers) == 1 else outer.answers.pop(0)
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", outer.elsewhere)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(ConnectionError):  # who asked waits no longer
                    for piece in (bytes([one]) for one in body) if outer.drip else (body,):
                        self.wfile.write(piece)
                        outer.over.wait(outer.drip)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def gives(self, *answers: object, status: int = 200) -> "Endpoint":
        self.answers = [(status, one if isinstance(one, bytes) else json.dumps(one).encode()) for one in answers]
        return self


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        yield server


def source(url: str, **fields: Any) -> ClientCredentials:
    return ClientCredentials(f"{url}/token?tenant=t0p", "mqcanary", Secret.literal(SECRET), **fields)


def bearing(tokens: Any, **fields: Any) -> Security:
    fields = {"protocol": Protocol.SASL_PLAINTEXT, "mechanism": Mechanism.OAUTHBEARER} | fields
    return Security(tokens=tokens, **fields)


# ── a token endpoint ──


def test_the_client_asks_by_its_id_and_secret(endpoint: Endpoint) -> None:
    endpoint.gives({"access_token": JWT, "token_type": "Bearer", "expires_in": 300})
    assert source(endpoint.url, scope="kafka read").token(5.0) == JWT
    assert endpoint.asked == [
        (
            "/token?tenant=t0p",
            "mqcanary:hunter2+%26~",
            {"grant_type": "client_credentials", "scope": "kafka read"},
        )
    ], "RFC 6749, 2.3.1: both are encoded as in a form"


def test_a_token_is_kept_until_shortly_before_its_end(endpoint: Endpoint) -> None:
    now = [100.0]
    endpoint.gives(*({"access_token": f"t{number}", "expires_in": life} for number, life in enumerate((300, "10", 1))))
    tokens = source(endpoint.url, kept=Kept(lambda: now[0]))
    told = []
    for at in (100, 339, 340, 347, 348):
        now[0] = float(at)
        told.append(tokens.token(5.0))
    assert told == ["t0", "t0", "t1", "t1", "t2"]
    tokens.forget()
    assert (tokens.token(5.0), len(endpoint.asked)) == ("t2", 4)
    assert tokens == replace(tokens, kept=Kept()), "what is kept is not what is configured"
    assert "t2" not in repr(bearing(tokens))


def test_a_token_that_another_thread_forgets_meanwhile_is_still_one() -> None:
    def clock() -> float:
        kept.forget()  # between the look at what is kept and its use
        return 0.0

    kept = Kept(lambda: 0.0)
    assert kept.get(lambda: ("t0", 300.0)) == "t0"
    kept._clock = clock
    assert kept.get(lambda: ("t1", 300.0)) == "t0"
    assert kept.get(lambda: ("t1", 300.0)) == "t1"


@pytest.mark.parametrize(
    ("status", "body", "cause", "says"),
    [
        (401, {"error": "invalid_client", "error_description": f"{SECRET} is wrong"}, Cause.TOKEN_REFUSED,
         "answered HTTP 401 (invalid_client): check client_id 'mqcanary' and client_secret (from the configuration)"),
        (400, {"error": "invalid_scope"}, Cause.TOKEN_REFUSED, "answered HTTP 400 (invalid_scope): check scope 'kafka'"),
        (403, f"no {SECRET}".encode(), Cause.TOKEN_REFUSED, "answered HTTP 403: check client_id"),
        (400, {"error": SECRET}, Cause.TOKEN_REFUSED, "answered HTTP 400: check client_id"),
        (404, b"", Cause.TOKEN_UNAVAILABLE, "answered HTTP 404: check its URL"),
        (503, b"[1]", Cause.TOKEN_UNAVAILABLE, "answered HTTP 503: see what is wrong there"),
        (307, b"", Cause.TOKEN_UNAVAILABLE, "answered HTTP 307: check its URL"),
        (200, b"<html>", Cause.TOKEN_UNAVAILABLE, "answered without an access_token: is it the token endpoint?"),
    ],
)  # fmt: skip
def test_what_it_refuses_is_one_line_without_the_secret(
    endpoint: Endpoint, status: int, body: object, cause: Cause, says: str
) -> None:
    endpoint.gives(body, status=status)
    text = refused(source(endpoint.url, scope="kafka"), cause)
    assert text.startswith(f"token endpoint {endpoint.url}/token {says}")
    assert len(endpoint.asked) == 1, "nobody else is asked"


def refused(tokens: ClientCredentials, cause: Cause, seconds: float = 5.0) -> str:
    with pytest.raises(ConnectError) as caught:
        tokens.token(seconds)
    text = str(caught.value)
    assert caught.value.cause == cause, text
    assert SECRET not in text
    assert "t0p" not in text
    return text


def test_one_that_is_away_or_silent(endpoint: Endpoint) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "did not answer in time" in refused(source(url), Cause.TOKEN_UNAVAILABLE, 0.2)
    assert "can't be asked (Connection refused)" in refused(source(url), Cause.TOKEN_UNAVAILABLE)


def test_one_that_drips_is_not_waited_for(endpoint: Endpoint) -> None:
    endpoint.drip = 0.03  # each is soon enough, all take longer
    endpoint.gives({"access_token": JWT})
    assert "did not answer in time" in refused(source(endpoint.url), Cause.TOKEN_UNAVAILABLE, 0.3)
    endpoint.gives({"error": "invalid_client", "error_description": "-" * 60}, status=401)
    assert "answered HTTP 401: check client_id" in refused(source(endpoint.url), Cause.TOKEN_REFUSED, 1.0)


def test_a_redirection_to_no_url(endpoint: Endpoint) -> None:
    endpoint.gives(b"", status=307).elsewhere = "https://[::1/t"
    assert "answered HTTP 307: check its URL" in refused(source(endpoint.url), Cause.TOKEN_UNAVAILABLE)


def test_a_proxy_that_is_no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:hunter2@proxy..example:3128")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ConfigError, match="write https_proxy=") as caught:
        source("https://idp.example").token(5.0)
    assert "hunter2" not in str(caught.value)


def test_its_certificate_is_verified(authority: Authority, server_context: Callable[..., ssl.SSLContext]) -> None:
    with Endpoint(server_context()) as endpoint:
        endpoint.gives({"access_token": JWT})
        assert source(endpoint.url, ca=authority.ca.certificate).token(5.0) == JWT
        assert "not trusted" in refused(source(endpoint.url), Cause.TOKEN_UNAVAILABLE)
        stranger = source(endpoint.url, ca=authority.stranger.certificate)
        assert "set the CA that signed it" in refused(stranger, Cause.TOKEN_UNAVAILABLE)


@pytest.mark.parametrize(
    "url", ["http://idp.example/token", "idp/token", "https:///token", "https://me:hunter2@idp/token"]
)
def test_a_secret_goes_nowhere_in_the_clear(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ClientCredentials(url, "mqcanary", Secret.literal("x"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "https://höst/t",
            "https://höst/t has spaces or letters that no URL has: write them as %XX, in a host as xn--",
        ),
        ("https://idp/tökén", "https://idp/tökén has spaces"),
        ("https://me:hunter2@idp/a token?hunter2", "https://idp/a token has spaces"),
        ("https://idp/t?k=ä", "https://idp/t has spaces"),
        ("https://me:hunter2@[::1/t?hunter2", "https://[::1/t has a host or port that can't be: write https://HOST:"),
        ("https://me:hunter2/@idp/t", "idp/t has a host or port"),
        ("https://idp:99999/t", "https://idp:99999/t has a host or port"),
        ("https://idp..example/t", "https://idp..example/t has a host or port"),
    ],
)
def test_what_is_no_url_is_one_line(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ClientCredentials(url, "mqcanary", Secret.literal("x"))
    assert str(caught.value).startswith(f"token endpoint {says}")
    assert "hunter2" not in str(caught.value)


# ── a file ──


def test_a_file_is_read_anew_at_every_connect(tmp_path: Path) -> None:
    path = tmp_path / "token"
    security = bearing(GivenToken(Secret.file(path)))
    for value in ("old", "new"):
        path.write_text(f"{value}\n")
        assert security.sasl_options() == {"sasl_mechanism": "OAUTHBEARER", "token": value}
    path.write_text("not a token")
    with pytest.raises(ConfigError, match=f"what file {path} gives is no bearer token") as caught:
        security.sasl_options()
    assert "not a token" not in str(caught.value)


@pytest.mark.parametrize("name", ["auth", "a b", "ä"])
def test_an_extension_that_a_broker_would_refuse(name: str) -> None:
    with pytest.raises(ConfigError, match="can't be sent"):
        bearing(GivenToken(Secret.literal("t")), extensions=((name, "x"),))


# ── at a broker ──


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(1)
    model.users = {"mqcanary": JWT}
    model.mechanisms = ("OAUTHBEARER",)
    with SimulatedCluster(model) as cluster:
        yield cluster


def enter(cluster: SimulatedCluster, security: Security) -> Any:
    return probe(*cluster.endpoints[0], security, 5.0)


def test_in_by_a_token(cluster: SimulatedCluster, endpoint: Endpoint) -> None:
    endpoint.gives({"access_token": JWT, "expires_in": 300})
    tokens = source(endpoint.url)
    for _ in range(2):
        assert enter(cluster, bearing(tokens, extensions=(("logicalCluster", "lkc-1"),))).brokers
    assert len(endpoint.asked) == 1
    assert {request.principal for request in cluster.asked(3)} == {"mqcanary"}
    assert JWT not in str(list(cluster.requests))


def test_a_token_that_the_broker_refuses_is_told_with_its_status_and_not_kept(
    cluster: SimulatedCluster, endpoint: Endpoint
) -> None:
    endpoint.gives({"access_token": "other", "expires_in": 300})
    security = bearing(source(endpoint.url))
    for _ in range(2):
        with pytest.raises(ConnectError) as caught:
            enter(cluster, security)
        assert caught.value.cause == Cause.WRONG_CREDENTIALS
        said = f"does not accept the token from {endpoint.url}/token for client mqcanary (invalid_token): see that"
        assert said in str(caught.value)
    assert len(endpoint.asked) == 2, "a new token at the next connect"
    assert [request.fields for request in cluster.asked(36)] == [{"user": ""}] * 4, "refused, and acknowledged"


# ── client.properties ──

HEAD = "security.protocol=SASL_SSL\nsasl.mechanism=OAUTHBEARER\nsasl.oauthbearer.token.endpoint.url="
MODULE = "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
LOGIN = (
    "sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler\n"
)


def test_java_s_and_librdkafka_s_properties(tmp_path: Path) -> None:
    java = f"{HEAD}https://idp/t\n{LOGIN}{MODULE} clientId=me clientSecret='s' scope=k extension_logicalCluster=lkc;"
    newer = (
        f"{HEAD}https://idp/t\n{MODULE} extension_logicalCluster=lkc;\nsasl.oauthbearer.scope=k\n"
        "sasl.oauthbearer.client.credentials.client.id=me\nsasl.oauthbearer.client.credentials.client.secret=s"
    )
    librdkafka = (
        f"{HEAD}https://idp/t\nsasl.oauthbearer.method=oidc\nsasl.oauthbearer.client.id=me\n"
        "sasl.oauthbearer.client.secret=s\nsasl.oauthbearer.scope=k\nsasl.oauthbearer.extensions=logicalCluster=lkc"
    )
    for text in (java, newer, librdkafka):
        read = Security.from_properties(text)
        assert read.security.tokens == ClientCredentials("https://idp/t", "me", Secret.literal("s"), "k")
        assert (read.security.extensions, read.ignored) == ((("logicalCluster", "lkc"),), ())
    read = Security.from_properties(f"{HEAD}file:{tmp_path}/token\n{LOGIN}{MODULE};")
    assert read.security.tokens == GivenToken(Secret.file(tmp_path / "token"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{HEAD}\n{MODULE} unsecuredLoginStringClaim_sub=me;", "tokens made by the client itself are not supported"),
        (f"{HEAD}https://idp/t\n{MODULE} clientSecret=hunter2;", "OAUTHBEARER has no client id: set clientId"),
        (f"{HEAD}https://idp/t\n{MODULE} clientId=me;", "OAUTHBEARER has no client secret: set clientId"),
        (f"{HEAD}http://idp/t\n{MODULE} clientId=me clientSecret=hunter2;", "is no https URL"),
        (f"{HEAD}https://idp/t\n{MODULE.replace('OAuthBearer', 'Plain')};", "which is not for OAUTHBEARER"),
    ],
)
def test_mistakes_in_properties_are_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Security.from_properties(text)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)
