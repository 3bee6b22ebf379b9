"""The API over real HTTP: who may do what, what is refused and how, and what stands in the audit log."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent.door import local
from agent.errors import ConfigError
from agent.secret import Secret
from agent.store.folder import Folder
from agent.store.inbox import LARGEST, forget, waiting
from agent.view import View
from agent.web.api import ApiOptions, ApiServer
from alerts.commands import AddSilence
from alerts.model import Acknowledged, Delivery, Op, Progress, Silence, State, TargetState
from checks.pattern import Pattern
from tests.agent.door.agent import POLICY, PROD, alert, state_of
from tests.agent.door.served import OPERATE, READ, Served, served
from tests.live.certs import Certs
from tests.live.process import until

Line = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)


def call(
    api: Served | ApiServer,
    path: str,
    document: object = None,
    *,
    token: str | None = OPERATE,
    method: str = "",
    raw: bytes | None = None,
    tls: ssl.SSLContext | None = None,
    **headers: str,
) -> Answer:
    server = api.server if isinstance(api, Served) else api
    body = raw if raw is not None else None if document is None else json.dumps(document).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent.setdefault("Authorization", f"Bearer {token}")
    make = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    more = {"context": tls} if tls else {}
    with closing(make("127.0.0.1", server.port, timeout=30, **more)) as link:  # type: ignore[arg-type]
        link.request(method or ("GET" if body is None else "POST"), path, body, sent)
        answer = link.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def ask(api: Served, command: str, **fields: object) -> Answer:
    document = {"command": command, **{name.removesuffix("_"): value for name, value in fields.items()}}
    return call(api, "/v1/commands", document)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    now = time.time()
    state = state_of(
        alert("a1b2c3", now=now),
        alert("d4e5f6", "orders", now=now, acknowledged=Acknowledged("bo@ops", now)),
        targets={PROD: TargetState(PROD, now)},
        silences={"5e1f00": Silence("5e1f00", Pattern.parse("kafka://prod/topics/x"), "*", now + 600, "ci", "x", now)},
        deliveries={
            "12": Delivery("12", 12, "12", "slack:#ops", Op.POST, (), (), now, Progress.PARKED, error="no_text")
        },
        seq=12,
    )
    with served(tmp_path, state) as running:
        yield running


@pytest.fixture
def audit() -> Iterator[list[Line]]:
    """The lines of the audit log."""
    found: list[Line] = []

    def note(_logger: object, _method: str, line: Line) -> Line:
        if line.get("log") == "audit":
            found.append(dict(line))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.add_log_level, note])
    yield found
    structlog.configure(**before)


# ── reading ──


def test_lists(api: Served) -> None:
    alerts = call(api, "/v1/alerts", token=READ).json
    assert alerts["at"] == pytest.approx(time.time(), abs=60)
    assert [(row["id"], row["phase"], row["resource"]) for row in alerts["alerts"]] == [
        ("d4e5f6", "firing", "kafka://prod/groups/orders"),
        ("a1b2c3", "firing", "kafka://prod/groups/payments"),
    ]
    (silence,) = call(api, "/v1/silences").json["silences"]
    assert (silence["id"], silence["resources"], silence["comment"]) == ("5e1f00", "kafka://prod/topics/x", "x")
    (delivery,) = call(api, "/v1/outbox", token=READ).json["outbox"]
    assert (delivery["id"], delivery["progress"], delivery["error"]) == ("12", "parked", "no_text")


def test_answers_are_hardened_and_never_kept(api: Served) -> None:
    for answer in (call(api, "/v1/alerts"), call(api, "/v1/alerts", token=None), call(api, "/x")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Werkzeug" not in str(answer.headers)


# ── operating ──


def test_a_deploy_job_silences_and_ends_it(api: Served) -> None:
    answer = ask(api, "silence", resources="kafka://prod/groups/pay*", for_="30m", comment="deploy 42", by="ci@deploy")
    assert answer.status == 200
    told = answer.json
    assert (told["done"], told["well"]) == (True, True)
    assert told["told"].startswith("silenced until ")
    made = api.agent.state.silences[told["id"]]
    assert (str(made.resources), made.by, made.comment) == ("kafka://prod/groups/pay*", "ci@deploy", "deploy 42")
    assert (
        ask(api, "expire", silence=told["id"]).json["told"]
        == f"silence {told['id']} has ended: kafka://prod/groups/pay*"
    )
    assert told["id"] not in api.agent.state.silences


def test_every_command(api: Served) -> None:
    about = "kafka/group-lagging on kafka://prod/groups/payments"
    assert ask(api, "acknowledge", alert="a1b2c3").json["told"] == f"acknowledged until it ends: {about}"
    taken = api.agent.state.alerts["a1b2c3"].acknowledged
    assert taken is not None
    assert taken.by == "operate", "the role, where nobody says who they are"
    assert ask(api, "release", alert="a1b2c3").json["told"] == f"no longer acknowledged: {about}"
    assert ask(api, "notify").json["told"] == "told console"
    assert ask(api, "drop", delivery="12").json["told"] == "message 12 is given up"
    assert ask(api, "retry").json == {
        "done": True,
        "well": True,
        "told": "nothing is parked or held up",
    }


def test_what_is_not_done_in_time_is_kept_and_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "TAKEN", 0.1)
    folder = tmp_path / "state"
    with closing(Folder(folder)):
        server = ApiServer(
            ApiOptions(operate_token=Secret.literal(OPERATE)), lambda: View(at=1.0), folder, lambda: POLICY
        )
        server.start()
        try:
            answer = call(server, "/v1/commands", {"command": "silence", "resources": "kafka://prod", "for": "1h"})
        finally:
            server.stop()
    assert answer.status == 202
    assert answer.json["done"] is False
    ((_, command),) = waiting(folder / "inbox")
    assert isinstance(command, AddSilence)
    assert command.id == answer.json["id"], "it was on the disk before the answer"


def test_an_inbox_that_cannot_be_written_is_no_success(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise ConfigError("inbox can't be written (No space left on device): free some space")

    monkeypatch.setattr(local, "put", full)
    answer = ask(api, "silence", resources="kafka://prod", for_="1h")
    assert (answer.status, "No space left" in answer.json["error"]) == (503, True)


# ── who may ──


@pytest.mark.parametrize("token", [None, "", "x", READ[:-1], f"{READ}x", OPERATE.upper(), "\xe9"])
@pytest.mark.parametrize("path", ["/v1/alerts", "/v1/commands", "/", "/v2/x"])
def test_a_wrong_token_gets_nowhere(api: Served, token: str | None, path: str) -> None:
    answer = call(api, path, token=token)
    assert (answer.status, answer.json) == (401, {"error": "a bearer token is needed"})
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="mqcanary"'


@pytest.mark.parametrize(
    "given", [f"Basic {OPERATE}", OPERATE, f"bearer{OPERATE}", "Bearer", f'Digest token="{OPERATE}"']
)
def test_a_token_is_a_bearer_token(api: Served, given: str) -> None:
    assert call(api, "/v1/alerts", Authorization=given).status == 401
    assert call(api, f"/v1/alerts?token={OPERATE}", token=None).status == 401


def test_who_may_read_may_not_operate(api: Served) -> None:
    document = {"command": "silence", "resources": "kafka://prod", "for": "1h"}
    answer = call(api, "/v1/commands", document, token=READ)
    assert (answer.status, answer.json) == (403, {"error": "this token may read, not operate"})
    assert list(api.agent.state.silences) == ["5e1f00"]
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert call(api, "/v1/commands", token=READ, method=method).status == 403
    assert call(api, "/v1/alerts", token=READ, method="HEAD").status == 200


def test_tokens_are_read_again_for_each_call(api: Served) -> None:
    api.read.write_text("another-token\n")
    assert call(api, "/v1/alerts", token=READ).status == 401
    assert call(api, "/v1/alerts", token="another-token").status == 200
    api.read.unlink()
    gone = call(api, "/v1/alerts", token="another-token")
    assert (gone.status, gone.json) == (503, {"error": "a token can't be read; the log of mqcanary says which"})
    assert call(api, "/v1/alerts", token=OPERATE).status == 200, "the other role goes on"


def test_a_role_without_a_token_is_nobodys(tmp_path: Path) -> None:
    server = ApiServer(ApiOptions(read_token=Secret.literal(READ)), lambda: View(at=1.0), tmp_path, lambda: POLICY)
    server.start()
    try:
        assert call(server, "/v1/alerts", token=READ).status == 200
        assert call(server, "/v1/alerts", token="").status == 401
        assert call(server, "/v1/commands", {"command": "retry"}, token=READ).status == 403
    finally:
        server.stop()


def test_a_token_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    options = ApiOptions(operate_token=Secret.file(tmp_path / "none"))
    with pytest.raises(ConfigError, match="is not a file"):
        ApiServer(options, lambda: View(at=1.0), tmp_path, lambda: POLICY).start()


def test_over_tls(tmp_path: Path) -> None:
    certs = Certs.make(tmp_path)
    with served(tmp_path, options=ApiOptions(certificate=certs.server_keystore)) as api:
        assert api.url.startswith("https://")
        tls = ssl.create_default_context(cafile=str(certs.ca))
        assert call(api, "/v1/alerts", tls=tls).json["alerts"] == []


# ── what is refused ──


@pytest.mark.parametrize(
    ("raw", "key", "text"),
    [
        (b"", "body", "not JSON (Expecting value: line 1 column 1 (char 0)); write an object"),
        (b"{", "body", "not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)); write an object"),
        (b"\xff", "body", "not JSON ("),
        (b"[" * 50_000, "body", "not JSON (maximum recursion depth exceeded"),
        (b"[]", "body", 'not a JSON object; write {"command": "silence", ...}'),
        (b"{}", "command", "not one that there is; write one of silence, expire, acknowledge, release, retry, drop, notify"),
        (b'{"command": "reboot"}', "command", "not one that there is; write one of "),
        (b'{"command": "silence", "resources": "kafka://prod"}', "for", "missing; write it"),
        (b'{"command": "silence", "resources": "kafka://prod", "for": 3600}', "for", "not a text; write it in quotes"),
        (b'{"command": "silence", "resources": "kafka://prod", "for": "1h", "until": "x"}', '"until"', "silence has no such field; write one of resources, checks, for, comment, by"),
        (b'{"command": "silence", "resources": "prod", "for": "1h"}', "resources", '"prod" is no resource; write '),
        (b'{"command": "silence", "resources": "kafka://prod", "for": "1h", "by": ["x"]}', "by", "not a text; write it in quotes"),
        (b'{"command": "silence", "resources": "kafka://prod", "for": "1h", "by": "a\\nb"}', "by", '"a\\nb" is empty, or has characters that cannot be seen; write plain text'),
    ],
)  # fmt: skip
def test_what_is_not_understood(api: Served, raw: bytes, key: str, text: str) -> None:
    answer = call(api, "/v1/commands", raw=raw)
    assert answer.status == 400
    assert answer.json["key"] == key
    assert answer.json["error"].startswith(text)
    assert list(api.agent.state.silences) == ["5e1f00"]


def test_what_is_not_there(api: Served) -> None:
    answer = ask(api, "acknowledge", alert="a1b2c4")
    expected = {"error": 'there is no alert "a1b2c4"; did you mean "a1b2c3"?', "key": "alert"}
    assert (answer.status, answer.json) == (404, expected)


def test_a_body_that_is_too_large_is_refused_unread(api: Served) -> None:
    answer = call(api, "/v1/commands", raw=b" " * (LARGEST + 1))
    assert (answer.status, answer.json) == (413, {"error": "request entity too large"})
    with socket.create_connection(("127.0.0.1", api.server.port), timeout=30) as link:
        head = f"POST /v1/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATE}\r\n"
        link.sendall(f"{head}Content-Length: 99999999999\r\n\r\n".encode())
        assert link.recv(12) == b"HTTP/1.1 413", "it did not wait for it"


def test_a_body_of_unknown_length_is_refused_unread(api: Served) -> None:
    with socket.create_connection(("127.0.0.1", api.server.port), timeout=30) as link:
        head = f"POST /v1/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATE}\r\n"
        link.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n".encode())
        assert link.recv(12) == b"HTTP/1.1 411"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/v1/", 404), ("GET", "/v1/alerts/", 404), ("GET", "/static/x", 404), ("GET", "/v1/commands", 405), ("POST", "/v1/alerts", 405), ("BREW", "/v1/alerts", 405)],
)  # fmt: skip
def test_what_is_not_served(api: Served, method: str, path: str, status: int) -> None:
    answer = call(api, path, method=method)
    assert answer.status == status
    assert list(answer.json) == ["error"]


def test_a_bug_of_ours_tells_nothing_of_itself(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"secret {OPERATE}")

    monkeypatch.setattr(local, "running", broken)
    with structlog.testing.capture_logs() as lines:
        answer = call(api, "/v1/alerts")
    assert (answer.status, answer.json) == (500, {"error": "mqcanary failed; its log says how"})
    assert "a call failed" in {line["event"] for line in lines}


# ── the audit log ──


def test_each_call_is_in_the_audit_log(api: Served, audit: list[Line]) -> None:
    call(api, "/v1/alerts", token=READ)
    made = ask(api, "silence", resources="kafka://prod", for_="1h", by="ci@deploy").json
    ask(api, "acknowledge", alert="zzz")
    call(api, "/v1/alerts", token="stolen-token")
    call(api, "/v1/commands", {"command": "retry"}, token=READ)
    call(api, "/v1/alerts?token=stolen-token")
    call(api, "/stolen-token")
    kept = [{key: value for key, value in line.items() if key not in {"log", "event"}} for line in audit]
    here = {"remote": "127.0.0.1"}
    assert kept == [
        {**here, "role": "read", "call": "GET /v1/alerts", "status": 200, "level": "info"},
        {**here, "role": "operate", "call": "POST /v1/commands", "status": 200, "level": "info", "asked": "silence", "by": "ci@deploy", "told": made["told"]},
        {**here, "role": "operate", "call": "POST /v1/commands", "status": 404, "level": "warning", "asked": "acknowledge", "told": 'alert: there is no alert "zzz"; see: mqcanary alerts'},
        {**here, "role": "nobody", "call": "GET /v1/alerts", "status": 401, "level": "warning"},
        {**here, "role": "read", "call": "POST /v1/commands", "status": 403, "level": "warning"},
        {**here, "role": "operate", "call": "GET /v1/alerts", "status": 200, "level": "info"},
        {**here, "role": "operate", "call": "GET elsewhere", "status": 404, "level": "warning"},
    ]  # fmt: skip
    told = json.dumps(audit)
    assert not any(secret in told for secret in (READ, OPERATE, "stolen-token"))


def test_many_calls_at_once_are_each_told_their_own(api: Served) -> None:
    answers: dict[int, Any] = {}

    def one(number: int) -> None:
        answers[number] = ask(
            api, "silence", resources=f"kafka://prod/groups/g{number}", for_="1h", by=f"job-{number}"
        ).json

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number, answer in answers.items():
        assert f"kafka://prod/groups/g{number} " in answer["told"]
        assert api.agent.state.silences[answer["id"]].by == f"job-{number}"
    assert len(answers) == 8


def test_it_stops_while_somebody_waits_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audit: list[Line]
) -> None:
    monkeypatch.setattr(local, "SEEN", 0)
    folder = tmp_path / "state"
    with closing(Folder(folder)):  # holds the directory, and obeys nothing
        server = ApiServer(
            ApiOptions(operate_token=Secret.literal(OPERATE)), lambda: View(at=1.0), folder, lambda: POLICY
        )
        server.start()
        body = json.dumps({"command": "silence", "resources": "kafka://prod", "for": "1h"}).encode()
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as link:
            head = f"POST /v1/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATE}\r\nContent-Length: {len(body)}\r\n"
            link.sendall(head.encode() + b"\r\n" + body)
            until(lambda: list(waiting(folder / "inbox")), "the command is in the inbox")
            start = time.monotonic()
            server.stop()
            assert time.monotonic() - start < local.TAKEN, "it did not wait for the call"
            for name, _ in waiting(folder / "inbox"):
                forget(folder / "inbox", name)
            until(lambda: audit, "the call has ended")


def test_the_view_of_an_agent_that_has_judged_nothing_yet(tmp_path: Path) -> None:
    server = ApiServer(
        ApiOptions(read_token=Secret.literal(READ)), lambda: View(at=7.0, state=State()), tmp_path, lambda: POLICY
    )
    server.start()
    try:
        assert call(server, "/v1/alerts", token=READ).json == {"at": 7.0, "alerts": []}
    finally:
        server.stop()
