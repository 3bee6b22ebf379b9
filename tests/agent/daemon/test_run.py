"""A run as a whole: one agent for each state directory, ready after a look at each target, nothing held up by one that hangs."""

import json
import socket
import threading
from pathlib import Path

from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration, fail, mend, roots


def test_a_second_agent_is_refused_in_one_line_and_starts_when_the_first_is_killed(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    config = configuration(cluster)
    with Agent(tmp_path, config) as first, Agent(tmp_path, config) as second:
        first.start()
        second.spawn()
        assert second.wait_end() == 2
        (line,) = second.output
        assert line == (
            f"mqcanary: state directory {tmp_path / 'state'} belongs to another agent (process {first.pid}): "
            "stop it, or give this one its own (--state)"
        )
        assert first.get("/healthz") == (200, "ok\n")
        first.kill()
    with Agent(tmp_path, config) as third:
        third.start()
        assert third.stop() == 0


def test_a_taken_address_is_one_line_and_lets_go_of_the_state(cluster: SimulatedCluster, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with Agent(tmp_path, configuration(cluster, listen={"address": address})) as agent:
            agent.spawn()
            assert agent.wait_end() == 2
            (line,) = agent.output
            assert line.startswith(f"mqcanary: cannot listen on {address} (Address already in use): ")


def test_it_is_ready_after_one_look_at_each_target_also_where_one_is_down(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens
        down = f"127.0.0.1:{nobody.getsockname()[1]}"
        stall = cluster.fault(delay=3600.0)
        with Agent(tmp_path, configuration([("up", cluster.bootstrap), ("down", down)])) as agent:
            agent.start()
            agent.wait_served(lambda: _missing(agent) == ["kafka:up was not looked at yet"], "one was looked at")
            assert agent.get("/readyz")[0] == 503
            stall.off()
            for broker in cluster.model.brokers:  # whoever waits for an answer asks again
                cluster.stop_broker(broker)
                cluster.start_broker(broker)
            agent.wait_served(lambda: agent.get("/readyz")[0] == 200, "it is ready")
            assert agent.metric("mqcanary_target_up", target="kafka://down") == 0
            agent.wait_metric(lambda value: value == 1, "mqcanary_target_up", target="kafka://up")
            assert agent.stop() == 0


def _missing(agent: Agent) -> object:
    return json.loads(agent.get("/readyz")[1])["missing"]


def test_a_target_that_hangs_delays_nobody(cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        accepted: list[socket.socket] = []
        over = threading.Event()

        def accept() -> None:
            silent.settimeout(0.05)
            while not over.is_set():
                try:
                    accepted.append(silent.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            targets = [("prod", cluster.bootstrap), ("hangs", f"127.0.0.1:{silent.getsockname()[1]}")]
            config = configuration(targets, slack, every="0.2s")
            with Agent(tmp_path, config.replace('"hangs",', '"hangs", "deadline": "1s",')) as agent:
                agent.start()
                for _ in range(3):  # told and over, again and again, while the other one hangs
                    seen = len(roots(slack, "alerts", "orders"))
                    fail(cluster, "orders")
                    assert slack.wait_for(lambda _, seen=seen: len(roots(slack, "alerts", "orders")) > seen)
                    mend(cluster, "orders")
                    assert slack.wait_for(lambda _: roots(slack, "alerts", "orders")[-1].edits)
                overruns = "mqcanary_target_look_overruns_total"
                assert agent.wait_metric(lambda value: value >= 3, overruns, target="kafka://hangs")
                failures = "mqcanary_target_look_failures_total"
                assert agent.wait_metric(lambda value: value >= 1, failures, target="kafka://hangs")
                assert agent.metric(failures, target="kafka://prod") == 0
                assert agent.metric("mqcanary_target_up", target="kafka://hangs") == 0
                assert agent.stop() == 0
        finally:
            over.set()
            thread.join()
            for connection in accepted:
                connection.close()


def test_observe_delivers_nothing_and_says_what_it_would_have(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    with Agent(tmp_path, configuration(cluster, slack, mode="observe")) as agent:
        agent.start()
        fail(cluster, "orders")
        told = agent.wait_log("would tell", op="post")
        assert told["destination"] == "slack:#alerts"
        assert "topic orders without a leader" in told["title"]
        mend(cluster, "orders")
        agent.wait(lambda: [line for line in agent.said("would tell") if "Resolved" in line["title"]], "its end")
        assert "observe" in agent.get("/")[1].lower()
        assert agent.stop() == 0
    assert not slack.requests


def test_without_a_route_the_console_is_told(cluster: SimulatedCluster, tmp_path: Path) -> None:
    with Agent(tmp_path, configuration(cluster)) as agent:
        agent.start()
        fail(cluster, "orders")
        agent.wait(lambda: any("topic orders without a leader" in line for line in agent.told), "it prints")
        assert agent.stop() == 0


def test_what_was_deleted_while_no_agent_ran_is_told_as_deleted(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    config = configuration(cluster, slack)
    with Agent(tmp_path, config) as agent:
        agent.start()
        fail(cluster, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders"))
        agent.kill()
    with cluster.lock:
        del cluster.model.topics["orders"]
    with Agent(tmp_path, config) as agent:
        agent.start()
        assert slack.wait_for(lambda _: roots(slack, "alerts", "Deleted: ", "orders"))
        assert agent.stop() == 0


def test_what_is_deleted_during_an_outage_is_told_as_deleted(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        fail(cluster, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders"))
        for broker in cluster.model.brokers:
            cluster.stop_broker(broker)
        agent.wait_metric(lambda value: value >= 1, "mqcanary_target_look_failures_total")
        with cluster.lock:
            del cluster.model.topics["orders"]
        for broker in cluster.model.brokers:
            cluster.start_broker(broker)
        assert slack.wait_for(lambda _: roots(slack, "alerts", "Deleted: ", "orders"))
        assert agent.stop() == 0
