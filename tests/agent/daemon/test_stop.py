"""How it ends: SIGTERM sends what is due and ends within 8 s with exit code 0, whoever hangs."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from agent.demo.cluster import SimulatedCluster, estate
from agent.demo.slack import FakeSlack
from tests.agent.collect.aws.gateway import Gateway
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import SAFE, configuration, fail, roots
from tests.agent.daemon.test_kill import under_way
from tests.live.sqs import REGION, SqsServer

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
TOKEN = "a-token-of-twenty-letters"
HALF_A_CALL = (
    f"POST /v1/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"
).encode()
"""Its worker is held when it has answered 100: it waits for the body."""
DRAIN = 8.0
"""Seconds: `docker stop` kills after ten."""


def routed(cluster: SimulatedCluster, slack: FakeSlack, **more: object) -> str:
    """Payments go to a channel of their own."""
    route = {"to": "slack:#alerts", "routes": [{"resources": "kafka://*/topics/payments", "to": "slack:#general"}]}
    return configuration(cluster, slack, route=route, **more)


def test_what_is_due_is_sent_before_it_ends_also_while_slack_hangs(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    with Agent(tmp_path, routed(cluster, slack)) as agent:
        agent.start()
        # A message for each channel: one is never answered, the other is asked to wait and comes after the signal.
        slack.fault("chat.postMessage", "alerts", hang=True, times=None)
        slack.fault("chat.postMessage", "general", status=429, retry_after=1)
        fail(cluster, "orders")
        fail(cluster, "payments")
        assert slack.wait_for(lambda s: len(s.asked("chat.postMessage")) == 2)
        agent.wait_log("not told", destination="slack:#general")
        assert agent.stop(within=DRAIN) == 0
        assert len(roots(slack, "general", "payments")) == 1
        (stopped,) = agent.said("stopped")
    assert stopped["waiting"] == 1
    assert len(under_way(tmp_path / "state")) == 1
    # Nobody knows whether it arrived: it says so.
    slack.clear_faults()
    with Agent(tmp_path, routed(cluster, slack)) as agent:
        agent.start()
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders", "may be a double"))
        assert agent.stop() == 0
    assert len(roots(slack, "general", "payments")) == 1


def test_an_answer_that_comes_with_the_signal_counts(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    with Agent(tmp_path, routed(cluster, slack)) as agent:
        agent.start()
        slack.fault("chat.postMessage", delay=1.5)
        fail(cluster, "orders")
        assert slack.wait_for(lambda s: s.asked("chat.postMessage"))
        assert agent.stop(within=DRAIN) == 0
        assert [line["waiting"] for line in agent.said("stopped")] == [0]
    assert under_way(tmp_path / "state") == set()


def test_slack_that_hangs_and_clients_that_stand_still_hold_nobody_up_together(
    slack: FakeSlack, tmp_path: Path
) -> None:
    big = estate(topics=200, partitions=20_000, groups=20)
    big.clock = time.time
    big.add_topic("orders", 1, 3, **SAFE)
    (tmp_path / "token").write_text(TOKEN)
    sections = {
        "listen": {"address": "127.0.0.1:0", "partitions": "all"},
        "api": {"address": "127.0.0.1:0", "operate_token": {"file": str(tmp_path / "token")}},
    }
    with (
        SimulatedCluster(big) as cluster,
        Agent(tmp_path, configuration(cluster, slack, every="1s", **sections)) as agent,
        ExitStack() as clients,
    ):
        agent.start()
        agent.wait_metric(lambda value: value == 1, "mqcanary_target_up")
        assert len(agent.get("/metrics")[1]) > 4_000_000, "it has to be larger than what sockets take by themselves"
        slack.fault("chat.postMessage", hang=True, times=None)
        fail(cluster, "orders")
        assert slack.wait_for(lambda s: s.asked("chat.postMessage"))
        for _ in range(3):
            reader = clients.enter_context(standing_still(agent.url))
            reader.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert reader.recv(12) == b"HTTP/1.1 200"
            writer = clients.enter_context(standing_still(agent.said("started")[0]["api"]))
            writer.sendall(HALF_A_CALL)
            assert writer.recv(12) == b"HTTP/1.1 100"
        assert agent.stop(within=DRAIN) == 0
    assert agent.said("stopped")
    assert agent.other == []


def standing_still(url: str) -> socket.socket:
    """A client that takes little before it is full."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((urlsplit(url).hostname, urlsplit(url).port))
    return client


def test_targets_that_hang_hold_nobody_up(aws: SqsServer, tmp_path: Path) -> None:
    """A cluster that accepts and never answers, queues whose attributes never come."""
    aws.reset()
    aws.client().create_queue(QueueName="invoices")
    with socket.create_server(("127.0.0.1", 0)) as silent, Gateway(aws.port) as gateway:
        gateway.hooks["GetQueueAttributes"] = gateway.stall
        queues = {"region": REGION, "name": "queues", "endpoint_url": gateway.url}
        config = configuration([("prod", f"127.0.0.1:{silent.getsockname()[1]}")], sqs=[queues])
        with Agent(tmp_path, config, env=KEYS) as agent:
            agent.start()
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1)
                agent.wait_served(lambda: gateway.asked("GetQueueAttributes"), "it asks for attributes")
                assert agent.stop(within=DRAIN) == 0
            assert agent.other == []
