"""Kill -9 at any moment of a run with firing, resolving and a Slack that misbehaves: nothing is lost, nothing that was
confirmed is told twice, and what may be a double says so.

The script of what truly happened is kept by the Story: a topic fails, is mended when the channel knows of it, and may fail
again when the channel knows that too. What the agent can't have known is read from its own state after each kill: the
deliveries that were under way.
"""

import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack, Fault, Message, Request, as_text
from agent.demo.slack.workspace import SCOPES, small
from agent.store.codec import loads
from alerts.model import Delivery, Progress
from alerts.sinks.slack import DOUBLE
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration, fail, first_text, key, mend, model, replies, roots
from tests.live.process import until

TOPICS = tuple(f"topic-{n}" for n in range(6))
HISTORY = {"channels:history", "groups:history"}
FAULTS = (
    {"drop": "before"},
    {"drop": "after"},
    {"drop": "after", "reset": True},
    {"drop": "before", "reset": True},
    {"hang": True},
    {"hang": "after"},
    {"delay": 0.3},
    {"status": 429, "retry_after": 1},
    {"status": 429, "retry_after": "soon"},
    {"status": 503},
    {"html": True},
    {"html": True, "status": 502},
    {"body": "{"},
    {"error": "internal_error"},
    {"error": "fatal_error"},
    {"error": "service_unavailable"},
    {"error": "request_timeout"},
    {"error": "ratelimited"},
    {"error": "invalid_blocks"},
)


@dataclass
class Story:
    """What truly happens. `episodes` counts how often each topic has failed."""

    cluster: SimulatedCluster
    slack: FakeSlack
    chance: random.Random
    episodes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOPICS, 0))
    failing: set[str] = field(default_factory=set)
    refused: dict[str, Fault] = field(default_factory=dict)
    """By channel, the last fault that refuses a message for what is in it."""

    def go_on(self, *, fail_again: bool = True) -> None:
        """Whatever the channels know by now may change."""
        for topic in TOPICS:
            told = episodes(self.slack, topic)
            if topic in self.failing:
                if len(told) == self.episodes[topic] and self.chance.random() < 0.5:
                    mend(self.cluster, topic)
                    self.failing.discard(topic)
            elif fail_again and all(over(self.slack, one) for one in told) and self.chance.random() < 0.3:
                fail(self.cluster, topic)
                self.failing.add(topic)
                self.episodes[topic] += 1

    def misbehave(self, waiting: list[Delivery]) -> None:
        """Slack fails some of the next requests; sometimes the token may read the history, sometimes not.

        A message whose content is refused twice, as it was and as plain text, is given up: none shall be. So no content
        is refused while one is `waiting` to be sent as plain text, or while such a fault has yet to strike.
        """
        refusing = not any(delivery.plain for delivery in waiting)
        with self.slack.lock:
            for token in self.slack.workspace.tokens.values():
                token.scopes = set(SCOPES) if self.chance.random() < 0.5 else set(SCOPES) - HISTORY
        for _ in range(self.chance.randrange(3)):
            channel, fault = f"c-{self.chance.choice(TOPICS)}", self.chance.choice(FAULTS)
            if fault.get("error") != "invalid_blocks" or (refusing and not self.refused.get(channel, _OVER).active):
                made = self.slack.fault(channel=channel, **fault)
                if made.error == "invalid_blocks":
                    self.refused[channel] = made

    @property
    def told(self) -> bool:
        """Whether the channels know everything, and all is well."""
        return not self.failing and all(
            len(told := episodes(self.slack, topic)) == self.episodes[topic]
            and all(over(self.slack, one) for one in told)
            for topic in TOPICS
        )

    def __str__(self) -> str:
        told = {topic: episodes(self.slack, topic) for topic in TOPICS}
        rows = [
            f"{topic}: failed {self.episodes[topic]} times{', still' if topic in self.failing else ''}, told {len(found)}, "
            f"not over: {[first_text(root) for one in found if not over(self.slack, one) for root in one]}"
            for topic, found in told.items()
        ]
        return "\n".join(rows)


_OVER = Fault(times=0)


def episodes(slack: FakeSlack, topic: str) -> list[list[Message]]:
    """The messages about each failure, by the delivery that they came from: more than one are doubles."""
    found: dict[str, list[Message]] = {}
    for message in roots(slack, f"c-{topic}", topic):
        found.setdefault(key(message), []).append(message)
    return list(found.values())


def over(slack: FakeSlack, told: list[Message]) -> bool:
    """Whether the channel knows the end of a failure: by the root, edited, and in its thread."""
    return any(
        "Resolved" in as_text(root) and any("Resolved" in as_text(reply) for reply in replies(slack, root))
        for root in told
    )


def left_over(state: Path) -> list[Delivery]:
    """What a state directory says is not told yet, or given up."""
    if not (state / "state.db").exists():
        return []
    with tempfile.TemporaryDirectory() as folder:
        for file in state.glob("state.db*"):  # a copy, so that the agent itself recovers the log
            shutil.copy(file, folder)
        with closing(sqlite3.connect(f"{folder}/state.db")) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").fetchone():
                return []
            return [loads(value, Delivery) for (value,) in db.execute("SELECT value FROM deliveries")]


def under_way(state: Path) -> set[str]:
    """The keys of what was being sent when the agent died: of them it can't know whether they arrived."""
    return {f"mqcanary-{d.created:.3f}-{d.id}" for d in left_over(state) if d.progress is Progress.SENDING}


@dataclass
class Life:
    ended: float
    unknown: set[str]


def killed(scene: "Scene", kills: int, seed: int) -> tuple[Story, list[Life]]:
    """Lives of a second or two, each cut off; then one that is left alone until everything is told."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    story = Story(scene.cluster, scene.slack, chance)
    lives: list[Life] = []
    routes = [{"resources": f"kafka://*/topics/{topic}", "to": f"slack:#c-{topic}"} for topic in TOPICS]
    config = configuration(scene.cluster, scene.slack, route={"to": "slack:#alerts", "repeat": "off", "routes": routes})
    for _ in range(kills):
        story.misbehave(left_over(scene.folder / "state"))
        # One in six while it starts, however long that takes here; every other one just when Slack is asked something.
        starting, lasts = chance.random() < 1 / 6, chance.uniform(0.1, 1.2)
        asked = len(scene.slack.requests) + chance.choice((1, 3, 10_000, 10_000))
        with Agent(scene.folder, config, longest_wait=4.0) as agent:
            if starting:
                agent.spawn()
            else:
                agent.start()
            cut = time.monotonic() + lasts
            while (left := cut - time.monotonic()) > 0 and len(scene.slack.requests) < asked:
                story.go_on()
                seen = len(scene.slack.requests)
                scene.slack.wait_for(lambda slack, seen=seen: len(slack.requests) > seen, min(left, 0.1))
            assert agent.alive, "\n".join(agent.output)
            agent.kill()
            # What it had asked last may be waiting in Slack's own queue: it belongs to this life.
            until(lambda: scene.slack.quiet, "Slack has done what the agent asked last")
            check_log(agent)
        lives.append(Life(time.time(), under_way(scene.folder / "state")))
    scene.slack.clear_faults()
    with Agent(scene.folder, config, longest_wait=4.0) as agent:
        agent.start()

        def settled() -> bool:
            story.go_on(fail_again=False)
            return story.told and agent.metric("mqcanary_deliveries") == 0

        try:
            agent.wait_served(settled, "everything is told", 90)
        except TimeoutError as late:
            late.add_note(f"{story}\nin the agent's hands: {left_over(scene.folder / 'state')}")
            raise
        assert agent.metric("mqcanary_alerts", phase="firing") == 0
        assert agent.stop() == 0
        check_log(agent)
    lives.append(Life(time.time(), under_way(scene.folder / "state")))
    return story, lives


def check_log(agent: Agent) -> None:
    assert agent.other == []
    assert [line for line in agent.log if line["level"] in {"error", "critical"}] == []


@dataclass
class Scene:
    folder: Path
    cluster: SimulatedCluster
    slack: FakeSlack


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    workspace = small()
    for topic in TOPICS:
        workspace.add_channel(f"c-{topic}")
    known = model(*TOPICS)
    known.add_topic("careless", 1, 1)  # wrong before anybody came: the first contact
    with SimulatedCluster(known) as cluster, FakeSlack(workspace) as slack:
        yield Scene(tmp_path, cluster, slack)


@pytest.mark.parametrize("kills", [pytest.param(20, id="20"), pytest.param(200, id="200", marks=pytest.mark.soak)])
def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_told_twice(scene: Scene, kills: int) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"killed({kills}, seed={seed})")  # noqa: T201 - shown where it fails
    story, lives = killed(scene, kills, seed)
    assert sum(story.episodes.values()) >= kills / 4, "too little happened to show anything"
    for topic in TOPICS:
        check_channel(scene.slack, topic, story.episodes[topic], lives)
    contacts = {key(message) for message in roots(scene.slack, "alerts", "Already wrong when I arrived")}
    assert len(contacts) == 1
    assert roots(scene.slack, "alerts") == roots(scene.slack, "alerts", "Already wrong when I arrived")


def check_channel(slack: FakeSlack, topic: str, truth: int, lives: list[Life]) -> None:
    told = episodes(slack, topic)
    assert len(told) == truth, f"{topic} failed {truth} times, and {len(told)} are told"
    ends: set[str] = set()
    for same in told:
        assert all(not first_text(one).startswith("Resolved") for one in same), "its beginning was not told"
        check_attempts(slack, same, lives)
        threads: dict[str, list[Message]] = {}
        for root in same:
            for reply in replies(slack, root):
                threads.setdefault(key(reply), []).append(reply)
        (end,) = threads.values()  # one end for each beginning
        check_attempts(slack, end, lives)
        ends.add(key(end[0]))
    assert len(ends) == truth


def check_attempts(slack: FakeSlack, same: list[Message], lives: list[Life]) -> None:
    """The messages of one delivery: a second attempt is made only after one of which the agent can't know, and says so."""
    name = key(same[0])
    attempts = [one for one in slack.asked("chat.postMessage") if _key(one) == name]
    assert attempts
    cuts = [life.ended for life in lives if name in life.unknown]
    for n, attempt in enumerate(attempts):
        doubts = sum(map(unanswered, attempts[:n])) + sum(cut < attempt.at for cut in cuts)
        if attempt.message is not None:
            assert first_text(attempt.message).startswith(DOUBLE) == bool(doubts), f"{name}: {attempts}"
        life = next(life for life in lives if attempt.at < life.ended)
        if attempt.effect == "posted" and attempt.status == 200 and name not in life.unknown:
            assert attempt is attempts[-1], f"{name} was confirmed, and told again: {attempts}"
    assert len(same) <= 1 + sum(map(unanswered, attempts)) + len(cuts)


def unanswered(attempt: Request) -> bool:
    """Nobody said what became of it: no answer, or one that Slack never gave."""
    return attempt.status is None or (attempt.status == 200 and not attempt.effect and not attempt.error)


def _key(request: Request) -> str:
    metadata = request.fields.get("metadata")
    return str(metadata["event_payload"]["key"]) if isinstance(metadata, dict) else ""
