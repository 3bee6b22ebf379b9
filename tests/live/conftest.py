"""Servers for the live tests: each starts when a test first asks for it and serves the whole session.

Tests run in any order on shared servers, so each uses names of its own (`fresh`) and leaves the servers as it found them.
"""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import jars
from tests.live.broker import KafkaCluster
from tests.live.sqs import SqsServer

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The hook gets the items of the whole session, not only of this folder. One process has all that share the servers."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)
            item.add_marker(pytest.mark.xdist_group("live"))


@pytest.fixture(scope="session")
def java() -> None:
    """For every fixture that starts a JVM."""
    try:
        jars.classpath()
    except jars.MissingToolError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def kafka(java: None) -> Iterator[KafkaCluster]:
    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka3(java: None) -> Iterator[KafkaCluster]:
    """Three brokers in the racks a, b, c. A test that takes one away uses `with kafka3.down(node)`."""
    with KafkaCluster(3, racks=("a", "b", "c")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka_secure(java: None) -> Iterator[KafkaCluster]:
    """One broker with every listener and an authorizer. admin may do all; alice, bob and the mTLS client only what tests allow."""
    with KafkaCluster(
        listeners=("SSL", "MTLS", "SASL_PLAINTEXT", "SASL_SSL", "OAUTH"),
        users={"admin": "admin-secret", "alice": "alice-secret", "bob": "bob-secret"},
        authorizer=True,
        superusers=("admin",),
    ) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sqs_server() -> Iterator[SqsServer]:
    with SqsServer() as server:
        yield server


@pytest.fixture
def fresh(request: pytest.FixtureRequest) -> str:
    """A prefix for topics, groups, queues and users that no other test has; it names the test, for whoever reads a log."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-")[:40]
    return f"{name}-{secrets.token_hex(4)}"
