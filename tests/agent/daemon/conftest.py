"""A local Slack and a small cluster for each test."""

from collections.abc import Iterator

import pytest

from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack
from tests.agent.daemon.scene import model


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as running:
        yield running


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model("orders", "payments")) as running:
        yield running
