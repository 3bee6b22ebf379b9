import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient
from kafka.net.sasl.oauth import AbstractTokenProvider
from kafka.protocol.admin import ListGroupsRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from agent.demo.cluster import Model, Rights, SimulatedCluster

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture
def model(model: Model) -> Model:
    model.users["alice"] = "secret"
    return model


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_both_clients_get_in(cluster: SimulatedCluster, mechanism: str) -> None:
    one = KafkaAdminClient(
        bootstrap_servers=cluster.bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=mechanism,
        sasl_plain_username="alice",
        sasl_plain_password="secret",
    )
    assert len(one.list_groups()) == 3
    one.close()
    assert {request.principal for request in cluster.asked(16)} == {"alice"}
    assert set(confluent(cluster, mechanism, "secret").list_topics(timeout=10).topics) == {"orders", "payments"}
    assert "secret" not in str(list(cluster.requests)), "what is recorded holds no secret"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_has_its_own_error(cluster: SimulatedCluster, mechanism: str) -> None:
    told: list[Any] = []
    client = confluent(cluster, mechanism, "wrong", told.append)
    with pytest.raises(KafkaException):
        client.list_topics(timeout=1)
    client.poll(0)
    assert any("_AUTHENTICATION" in str(error) for error in told)


def confluent(
    cluster: SimulatedCluster, mechanism: str, password: str, on_error: Any = lambda error: None
) -> AdminClient:
    return AdminClient(
        {
            "bootstrap.servers": cluster.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": "alice",
            "sasl.password": password,
            "error_cb": on_error,
        },
        logger=logging.getLogger("rdkafka"),
    )


class Given(AbstractTokenProvider):  # type: ignore[misc]
    def token(self) -> str:
        return "secret"


def test_both_clients_get_in_by_a_token(model: Model, cluster: SimulatedCluster) -> None:
    model.mechanisms = ("OAUTHBEARER",)
    one = KafkaAdminClient(
        bootstrap_servers=cluster.bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_provider=Given(),
    )
    assert len(one.list_groups()) == 3
    one.close()
    assert set(bearing(cluster, "secret", []).list_topics(timeout=10).topics) == {"orders", "payments"}
    assert {request.principal for request in cluster.asked(16)} == {"alice"}
    assert "secret" not in str(list(cluster.requests)), "what is recorded holds no secret"


def test_a_token_that_nobody_has_is_refused_with_its_status(model: Model, cluster: SimulatedCluster) -> None:
    model.mechanisms = ("OAUTHBEARER",)
    told: list[Any] = []
    client = bearing(cluster, "wrong", told)
    with pytest.raises(KafkaException):
        client.list_topics(timeout=1)
    client.poll(0)
    assert any("invalid_token" in str(error) for error in told)


def bearing(cluster: SimulatedCluster, token: str, told: list[Any]) -> AdminClient:
    client = AdminClient(
        {
            "bootstrap.servers": cluster.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER",
            "oauth_cb": lambda _: (token, time.time() + 3600),
            "error_cb": told.append,
        },
        logger=logging.getLogger("rdkafka"),
    )
    client.poll(0)  # librdkafka asks for the token here
    return client


@pytest.mark.parametrize("token", [b"\0alice\0wrong", b"\0mallory\0secret", b"nonsense"])
def test_a_refusal_is_answered_and_the_connection_ends_at_once(wire: Callable[..., Any], token: bytes) -> None:
    client = wire()
    assert client.ask(SaslHandshakeRequest(mechanism="PLAIN"), 1, close=False).mechanisms == list(MECHANISMS)
    answer = client.ask(SaslAuthenticateRequest(auth_bytes=token), 2, close=False)
    assert answer.error_code == 58
    assert answer.error_message.startswith("Authentication failed")
    assert client.receive() == b""


def test_a_mechanism_that_is_not_offered(model: Model, wire: Callable[..., Any]) -> None:
    model.mechanisms = ("SCRAM-SHA-512",)
    client = wire()
    answer = client.ask(SaslHandshakeRequest(mechanism="PLAIN"), 1, close=False)
    assert (answer.error_code, answer.mechanisms) == (33, ["SCRAM-SHA-512"])
    assert client.receive() == b""


def test_a_token_without_a_handshake(wire: Callable[..., Any]) -> None:
    assert wire().ask(SaslAuthenticateRequest(auth_bytes=b""), 2).error_code == 34


def test_nobody_gets_past_without_a_name(wire: Callable[..., Any]) -> None:
    client = wire()
    client.send(MetadataRequest(topics=None), 9)
    assert client.receive() == b""


def test_rights_are_by_principal(model: Model, wire: Callable[..., Any]) -> None:
    model.users["bob"] = "secret"
    model.rights["bob"] = Rights(groups=set(), cluster=False)
    found = {}
    for user in ("alice", "bob"):
        client = wire(model.groups["billing"].coordinator)
        client.ask(SaslHandshakeRequest(mechanism="PLAIN"), 1, close=False)
        assert (
            client.ask(SaslAuthenticateRequest(auth_bytes=f"\0{user}\0secret".encode()), 1, close=False).error_code == 0
        )
        answer = client.ask(ListGroupsRequest(states_filter=[], types_filter=[]), 4)
        found[user] = (answer.error_code, {group.group_id for group in answer.groups})
    assert "billing" in found["alice"][1]
    assert found["bob"] == (0, set())
