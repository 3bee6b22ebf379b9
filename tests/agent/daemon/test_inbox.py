"""Commands as files: each is obeyed once, whatever happens in between, and what is none is set aside."""

import random
from pathlib import Path

from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack
from agent.store.inbox import REFUSED, put
from alerts.commands import AddSilence, Notify
from checks.pattern import Pattern
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration, fail, first_text, key, roots
from tests.agent.daemon.test_kill import under_way

KILLS = 8


def quiet(name: str, until: float = 2e9) -> AddSilence:
    return AddSilence(name, Pattern("kafka", "prod", "topics", "orders"), "*", until, "ana", "deploy")


def test_a_command_is_obeyed_and_its_file_deleted(cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path) -> None:
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        file = put(agent.state / "inbox", quiet("s1"))
        agent.wait_served(lambda: not file.exists(), "it is obeyed")
        line = agent.wait_log("obeyed", by="ana")
        assert line["told"] == "silence s1 until 2033-05-18 03:33 UTC: kafka://prod/topics/orders"
        fail(cluster, "orders")
        fail(cluster, "payments")
        assert slack.wait_for(lambda _: roots(slack, "alerts", "payments"))
        assert roots(slack, "alerts", "orders") == []
        assert agent.stop() == 0


def test_a_command_is_obeyed_once_also_across_kills(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    """A test message for each command: as many as there were commands, unless it says that it may be a double."""
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed={seed}")  # noqa: T201 - shown where it fails
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    config = configuration(cluster, slack)
    unknown: set[str] = set()
    for n in range(KILLS):
        with Agent(tmp_path, config) as agent:
            agent.start()
            file = put(agent.state / "inbox", Notify(f"n{n}", ("slack:#alerts",), f"asker-{n}"))
            # At once, when it is obeyed, or when Slack is told.
            moment = chance.choice(("at once", "obeyed", "told"))
            if moment == "obeyed":
                agent.wait_served(lambda file=file: not file.exists(), "it is obeyed")
            elif moment == "told":
                posts = len(slack.asked("chat.postMessage"))
                slack.wait_for(lambda s, posts=posts: len(s.asked("chat.postMessage")) > posts, 3)
            agent.kill()
        unknown |= under_way(tmp_path / "state")
    with Agent(tmp_path, config) as agent:
        agent.start()
        # Slack takes one message a second, and the page of metrics may be older than the last command.
        agent.wait_served(
            lambda: (
                all(roots(slack, "alerts", f"asker-{n}:") for n in range(KILLS))
                and agent.metric("mqcanary_deliveries") == 0
            ),
            "all told",
        )
        assert agent.stop() == 0
    for n in range(KILLS):
        told = roots(slack, "alerts", f"asker-{n}:")
        assert len({key(message) for message in told}) == 1, f"asker-{n}"
        assert all("may be a double" in first_text(again) for again in told[1:])
        assert len(told) == 1 or key(told[0]) in unknown


def test_what_is_no_command_is_set_aside_and_stops_nothing(
    cluster: SimulatedCluster, slack: FakeSlack, tmp_path: Path
) -> None:
    with Agent(tmp_path, configuration(cluster, slack)) as agent:
        agent.start()
        inbox = agent.state / "inbox"
        bad = {
            "1-half.json": b'{"command": "sil',
            "2-unknown.json": b'{"command": "format"}',
            "3-bytes.json": b"\xff\xfe",
        }
        for name, content in bad.items():
            hidden = inbox / f".{name}"
            hidden.write_bytes(content)
            hidden.rename(inbox / name)
        put(inbox, Notify("n", ("slack:#alerts",), "ana"))
        assert slack.wait_for(lambda _: roots(slack, "alerts", "asked for by ana"))
        assert {line["file"] for line in agent.said("not a command")} == bad.keys()
        assert sorted(path.name for path in inbox.iterdir()) == [name[:-5] + REFUSED for name in sorted(bad)]
        assert agent.stop() == 0
