"""What the agent is put before: a simulated cluster whose topics fail, a local Slack, and a configuration for both."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from agent.demo.cluster import NOBODY, Config, Model, SimulatedCluster, brokers
from agent.demo.slack import FakeSlack, Message, as_text

SAFE = {"min_insync_replicas": "2"}


def model(*topics: str) -> Model:
    """Three brokers; a topic of one well-kept partition for each name."""
    made = brokers(3)
    made.clock = time.time
    for broker in made.brokers.values():  # nothing is wrong before a test makes it so
        broker.configs["auto.create.topics.enable"] = Config("false")
    for name in topics:
        made.add_topic(name, 1, 3, **SAFE)
    return made


def fail(cluster: SimulatedCluster, topic: str) -> None:
    """Its partition loses its leader: kafka/offline-partition, at the next look."""
    cluster.model.move_leader(topic, 0, NOBODY)


def mend(cluster: SimulatedCluster, topic: str) -> None:
    cluster.model.move_leader(topic, 0, 1)


def configuration(
    cluster: SimulatedCluster | Iterable[tuple[str, str]] = (),
    slack: FakeSlack | Mapping[str, str] | None = None,
    *,
    alerts: Mapping[str, str] | None = None,
    **more: Any,
) -> str:
    """Quick to look and to tell; `more` are whole sections. The clusters by name, or one that is called "prod".

    A FakeSlack is told in its channel #alerts.
    """
    targets = [("prod", cluster.bootstrap)] if isinstance(cluster, SimulatedCluster) else list(cluster)
    made: dict[str, Any] = {
        "every": "0.3s",
        "listen": {"address": "127.0.0.1:0"},
        "alerts": {"gather": "0s", "contact_polls": "1", "unstable_hold": "0s", **(alerts or {})},
        "limits": [{"checks": "*", "after": "0s"}],
    }
    if targets:
        made["kafka"] = [{"name": name, "bootstrap": bootstrap} for name, bootstrap in targets]
    if isinstance(slack, FakeSlack):
        made["slack"] = {"token": slack.token, "base_url": slack.url}
        made["route"] = {"to": "slack:#alerts"}
    elif slack is not None:
        made["slack"] = slack
    return json.dumps(made | more, indent=1)  # JSON is YAML


def key(message: Message) -> str:
    """The delivery that it came from; empty for one that is none of ours."""
    return str((message.metadata or {}).get("event_payload", {}).get("key", ""))


def first_text(message: Message) -> str:
    """What it said before it was edited."""
    return message.edits[0].before.text if message.edits else message.text


def roots(slack: FakeSlack, channel: str, *words: str) -> list[Message]:
    """The messages of a channel that are no replies and say all of these words."""
    found = (message for message in slack.messages(channel) if message.thread_ts is None)
    return [message for message in found if all(word in as_text(message) for word in words)]


def replies(slack: FakeSlack, root: Message) -> list[Message]:
    return [message for message in slack.messages(root.channel.id) if message.thread_ts == root.ts]
