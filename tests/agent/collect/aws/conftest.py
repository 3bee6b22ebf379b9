"""Local SQS, empty for each test, and a door before it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.collect.aws.sqs import SqsCollector, SqsSettings
from checks.facts import SqsSnapshot
from tests.agent.collect.aws.gateway import Gateway
from tests.live.sqs import REGION, SqsServer

Collect = Callable[..., SqsSnapshot]


@pytest.fixture
def server(aws: SqsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqsServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    aws.reset()
    yield aws
    aws.reset()


@pytest.fixture
def gateway(server: SqsServer) -> Iterator[Gateway]:
    with Gateway(server.port) as door:
        yield door


@pytest.fixture
def collect(gateway: Gateway) -> Collect:
    """One look through the gateway; settings by keyword."""

    def look(previous: SqsSnapshot | None = None, seconds: float = 20.0, **settings: Any) -> SqsSnapshot:
        made = SqsSettings(**{"region": REGION, "endpoint_url": gateway.url} | settings)
        return SqsCollector(made).collect(previous, seconds)

    return look
