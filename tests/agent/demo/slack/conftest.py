"""A local Slack whose clock a test moves, and a client that knows nothing of it but HTTP."""

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from agent.demo.slack import FakeSlack, Workspace
from agent.demo.slack.workspace import small

NOW = 1_700_000_000.0


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(clock: Clock) -> Workspace:
    return small(clock)


@pytest.fixture
def slack(workspace: Workspace) -> Iterator[FakeSlack]:
    with FakeSlack(workspace) as running:
        yield running


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Http:
    """One connection a request, unless `open` made one."""

    slack: FakeSlack
    opened: list[http.client.HTTPConnection] = field(default_factory=list)

    def open(self, timeout: float = 30) -> http.client.HTTPConnection:
        self.opened.append(http.client.HTTPConnection("127.0.0.1", urlsplit(self.slack.url).port, timeout=timeout))
        return self.opened[-1]

    def send(self, url: str, body: str | bytes | None = None, verb: str = "POST", **headers: str) -> Answer:
        address = urlsplit(url)
        connection = self.open()
        connection.request(verb, f"{address.path}?{address.query}", body, headers)
        got = connection.getresponse()
        answer = Answer(got.status, {n.lower(): v for n, v in got.getheaders()}, got.read().decode())
        connection.close()
        return answer

    def get(self, url: str) -> Answer:
        return self.send(url, verb="GET")

    def call(self, method: str, token: str | None = None, **fields: Any) -> Answer:
        """As slack_sdk does it: JSON, the token in a header."""
        bearer = {} if token == "" else {"Authorization": f"Bearer {token or self.slack.token}"}
        sent = {"Content-Type": "application/json;charset=utf-8"} | bearer
        return self.send(self.slack.url + method, json.dumps(fields), **sent)

    def form(self, method: str, **fields: Any) -> Answer:
        """As curl does it: a form, the token in it."""
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send(self.slack.url + method, urlencode(fields), **sent)


@pytest.fixture
def http_client(slack: FakeSlack) -> Iterator[Http]:
    client = Http(slack)
    yield client
    for connection in client.opened:
        connection.close()


@pytest.fixture
def call(http_client: Http) -> Callable[..., Any]:
    """`call(method, token=None, **fields)` gives the decoded answer."""
    return lambda method, token=None, **fields: http_client.call(method, token, **fields).json


@pytest.fixture
def post(call: Callable[..., Any]) -> Callable[..., str]:
    """Posts to #alerts and gives the ts."""

    def send(text: str = "hello", **fields: Any) -> str:
        answer = call("chat.postMessage", channel="#alerts", text=text, **fields)
        assert answer["ok"], answer
        return str(answer["ts"])

    return send


@pytest.fixture
def alerts(workspace: Workspace) -> str:
    """The id of #alerts."""
    return workspace.channel("alerts").id
