"""Simulated clusters that call themselves as those of vendors do: recognised through the collector, without a request more.

No service of these vendors was reached by a test.
"""

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from agent.demo.cluster import Config, Model, SimulatedCluster
from tests.agent.cli.conftest import Run, run  # noqa: F401 - the command in this process
from tests.agent.estate import cluster_model


def called(pattern: str) -> Callable[[Model], None]:
    def change(model: Model) -> None:
        for broker in model.brokers.values():
            broker.host = pattern.format(broker.id)

    return change


def redpanda(model: Model) -> None:
    """As config_response_utils.cc answers: neither min.insync.replicas nor what goes with Kafka's own replication."""
    model.cluster_id = "redpanda.9722a164-329b-4c17-8b03-e3109f0e9196"
    for name in ("min.insync.replicas", "unclean.leader.election.enable", "flush.messages"):
        del model.topic_defaults[name]
        for topic in model.topics.values():
            topic.configs.pop(name, None)
    model.topic_defaults["flush.ms"] = Config("100")


def confluent(model: Model) -> None:
    for broker in model.brokers.values():
        broker.configs["confluent.balancer.enable"] = Config("true")


@pytest.fixture(autouse=True)
def _resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name leads here."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more, **options: real("127.0.0.1", *more, **options))


PLAIN = "Apache Kafka"


@pytest.mark.parametrize(
    ("change", "name", "by"),
    [
        (lambda _: None, None, None),
        (called("b-{}.x.ab12.c2.kafka.us-east-1.amazonaws.com"), "Amazon MSK", "a broker is called b-1.x.ab12.c2."),
        (
            called("boot-1a.c1.kafka-serverless.us-east-1.amazonaws.com"),
            "Amazon MSK Serverless",
            "a broker is called boot",
        ),
        (called("b{}-pkc-1a2b3.us-east-2.aws.confluent.cloud"), "Confluent Cloud", "a broker is called b1-pkc-1a2b3."),
        (redpanda, "Redpanda", "its cluster id begins with redpanda."),
        (confluent, "Confluent Platform", "its brokers have the setting confluent.balancer.enable"),
    ],
)
def test_the_audit_says_which_and_by_what(
    change: Callable[[Model], None],
    name: str | None,
    by: str | None,
    run: Run,  # noqa: F811
) -> None:
    model = cluster_model(time.time)
    change(model)
    with SimulatedCluster(model) as cluster:
        done = run("audit", "--kafka", cluster.bootstrap, "--format", "json")
        platform = json.loads(done.out)["targets"][0]["platform"]
        text = run("audit", "--kafka", cluster.bootstrap, "--only", "kafka/auto-create-topics").out
    if name is None or by is None:
        assert platform is None
        assert text.splitlines()[1] == ""
    else:
        assert platform["name"] == name
        assert platform["by"].startswith(by)
        assert " ".join(text.splitlines()[1:3]).startswith(f"{name} ({by}")


def judged(out: str) -> dict[str, set[str]]:
    """Checks with a finding, and with a gap."""
    document: dict[str, Any] = json.loads(out)
    return {kind: {one["check"] for one in document[kind]} for kind in ("findings", "gaps")}


def test_redpanda_is_not_asked_for_what_it_does_not_have(run: Run) -> None:  # noqa: F811
    model = cluster_model(time.time)
    redpanda(model)
    own = {"kafka/min-insync-unsafe", "kafka/unclean-election-enabled", "kafka/flush-interval-set"}
    with SimulatedCluster(model) as cluster:
        told = judged(run("audit", "--kafka", cluster.bootstrap, "--format", "json").out)
        assert not own & (told["findings"] | told["gaps"])
        assert "kafka/replication-factor-low" in told["findings"]
        model.cluster_id = "anything-else"
        assert own <= judged(run("audit", "--kafka", cluster.bootstrap, "--format", "json").out)["gaps"]
