"""SIGHUP: another configuration is taken, or refused while the old one goes on; who leaves and who comes with it."""

from pathlib import Path

from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack, as_text
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration, fail, mend, model, replies, roots

OK = "mqcanary_config_last_reload_successful"


def test_a_bad_configuration_is_refused_and_the_old_one_goes_on(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    good = configuration(cluster, slack)
    with Agent(tmp_path, good) as agent:
        agent.start()
        assert agent.metric(OK) == 1
        agent.reload(good.replace('"every"', '"evry"'))
        (refused,) = agent.said("configuration refused")
        assert 'evry: unknown key; did you mean "every"?' in refused["error"]
        assert f"{agent.config}:2" in refused["error"]
        agent.wait_metric(lambda value: value == 0, OK)
        assert "The last configuration was refused" in agent.get("/")[1]
        fail(cluster, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders"))
        agent.reload(good)
        agent.wait_metric(lambda value: value == 1, OK)
        assert len(agent.said("configuration refused")) == 1
        assert agent.stop() == 0


def test_a_target_that_is_not_watched_any_more_ends_its_alerts_and_one_that_is_new_is_met(
    slack: FakeSlack, tmp_path: Path
) -> None:
    others = model("clicks")
    others.add_topic("careless", 1, 1)
    first, second = SimulatedCluster(model("orders")), SimulatedCluster(others)
    with first, second, Agent(tmp_path, configuration([("first", first.bootstrap)], slack)) as agent:
        agent.start()
        fail(first, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders"))
        agent.reload(configuration([("second", second.bootstrap)], slack))
        (root,) = roots(slack, "alerts", "orders")
        assert slack.wait_for(lambda _: replies(slack, root))
        (end,) = replies(slack, root)
        assert "its target is no longer watched" in as_text(end)
        assert "Resolved" not in as_text(root) + as_text(end)
        assert [line["detail"] for line in agent.said("off")] == ["its target is no longer watched"]
        assert slack.wait_for(lambda _: roots(slack, "alerts", "Already wrong when I arrived", "kafka://second"))
        agent.wait_metric(lambda value: value == 1, "mqcanary_target_up", target="kafka://second")
        assert agent.metric("mqcanary_target_up", target="kafka://first") is None
        fail(second, "clicks")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "clicks"))
        assert agent.stop() == 0
        assert agent.other == []


def test_what_stays_is_not_met_again_and_stays_ready(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    config = configuration(cluster, slack)
    with Agent(tmp_path, config) as agent:
        agent.start()
        fail(cluster, "orders")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "orders"))
        looks = agent.wait_metric(lambda value: value >= 2, "mqcanary_target_looks_total")
        # Nobody answers: what is counted and asked for by name goes on, all the same.
        with cluster.fault(stall=True):
            agent.reload(config)
            assert agent.get("/readyz")[0] == 200
            assert (agent.metric("mqcanary_target_looks_total") or 0) >= looks
        agent.reload(config)
        mend(cluster, "orders")
        (root,) = roots(slack, "alerts")
        assert slack.wait_for(lambda _: replies(slack, root))
        assert agent.stop() == 0
    assert roots(slack, "alerts") == [root]


def test_another_route_counts_at_once(cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path) -> None:
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        agent.reload(configuration(cluster, slack, route={"to": "slack:#general"}, mode="observe"))
        fail(cluster, "orders")
        agent.wait_log("would tell", destination="slack:#general")
        assert not slack.asked("chat.postMessage")
        assert agent.stop() == 0
