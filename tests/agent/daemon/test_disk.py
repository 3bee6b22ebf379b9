"""A disk that is full, or a state that can't be written, while it runs: alerts go out all the same, and say so."""

import resource
from pathlib import Path

from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack
from agent.store.inbox import put
from alerts.commands import Notify
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration, fail, mend, replies, roots

NOTE = "a restart may repeat this"
SAVED = "mqcanary_state_last_save_successful"


def full(agent: Agent) -> None:
    """No file of the agent takes another byte; pipes and sockets do."""
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def room(agent: Agent) -> None:
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_alerts_go_out_and_say_that_they_are_not_saved(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        assert agent.wait_metric(lambda value: value == 1, SAVED)
        full(agent)
        fail(cluster, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders"))
        (root,) = roots(slack, "alerts", "orders", NOTE, "free some space")
        agent.wait_metric(lambda value: value == 0, SAVED)
        (said,) = agent.said("state not saved")
        assert "state.db can't be written" in said["error"]
        assert "cannot be saved" in agent.get("/")[1]
        room(agent)
        mend(cluster, "orders")
        assert slack.wait_for(lambda _: replies(slack, root))
        agent.wait_metric(lambda value: value == 1, SAVED)
        assert len(agent.said("state saved again")) == 1
        assert roots(slack, "alerts", "orders", NOTE) == [], "the edit says nothing of it any more"
        assert agent.stop() == 0
        assert agent.other == []
    # What happened meanwhile was saved with it.
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        fail(cluster, "payments")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "payments"))
        assert agent.stop() == 0
    assert roots(slack, "alerts", "orders") == [root]
    assert len(replies(slack, root)) == 1


def test_a_command_that_can_not_be_noted_is_obeyed_once_and_kept_until_it_is(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        full(agent)
        file = put(agent.state / "inbox", Notify("n", ("slack:#alerts",), "ana"))
        assert slack.wait_for(lambda _: roots(slack, "alerts", "asked for by ana"))
        judged = agent.metric("mqcanary_judged_timestamp_seconds") or 0.0
        agent.wait_metric(
            lambda value: value > judged + 2, "mqcanary_judged_timestamp_seconds"
        )  # it read the inbox again
        assert file.exists(), "a restart would have forgotten it"
        room(agent)
        agent.wait_served(lambda: not file.exists(), "it is noted")
        assert len(roots(slack, "alerts", "asked for by ana")) == 1
        assert agent.stop() == 0
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        fail(cluster, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders"))
        assert agent.stop() == 0
    assert len(roots(slack, "alerts", "asked for by ana")) == 1


def test_a_log_on_the_full_disk_stops_nothing(cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path) -> None:
    with Agent(tmp_path, configuration(cluster, slack), log_file=tmp_path / "log") as agent:
        agent.spawn()
        agent.wait_served(lambda: "started" in (tmp_path / "log").read_text(), "it starts")
        full(agent)
        fail(cluster, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders", NOTE))
        assert agent.stop() == 0
