"""The whole way on real servers: what goes wrong is in the report, in /metrics and in Slack, and its message is edited at its end."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.demo.slack import FakeSlack, Message, as_text
from tests.live import seed
from tests.live.broker import KafkaCluster
from tests.live.member import Member
from tests.live.process import Process, free_port, until
from tests.live.sqs import REGION, SqsServer

PREFIX = "incident-"
MQCANARY = (sys.executable, "-c", "from agent.cli import main; main()")
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
PATIENCE = 40.0


@dataclass(frozen=True)
class Watch:
    """A running agent, and where it tells what it sees."""

    config: Path
    process: Process
    slack: FakeSlack
    url: str

    def root(self, *words: str) -> Message | None:
        """The message of its own about something."""
        roots = (m for m in self.slack.messages("alerts") if m.thread_ts is None)
        return next((m for m in roots if all(word in as_text(m) for word in words)), None)

    def wait_root(self, *words: str) -> Message:
        def found() -> Message | None:
            self.process.check()
            return self.root(*words)

        try:
            return until(found, f"a message about {words}", timeout=PATIENCE)
        except TimeoutError as late:
            late.add_note("\n".join(as_text(m) for m in self.slack.messages("alerts")))
            late.add_note(self.process.tail())
            raise

    def wait_resolved(self, root: Message) -> None:
        """Edited in place, and its thread told."""

        def over() -> bool:
            self.process.check()
            replies = [m for m in self.slack.messages("alerts") if m.thread_ts == root.ts]
            return bool(root.edits) and "Resolved" in as_text(root) and any("Resolved" in as_text(m) for m in replies)

        try:
            until(over, f"the end of: {root.text}", timeout=PATIENCE)
        except TimeoutError as late:
            late.add_note("\n".join(as_text(m) for m in self.slack.messages("alerts")))
            raise

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the series with these labels."""
        return sum(self.series(name, **labels))

    def has(self, name: str, **labels: str) -> bool:
        return bool(self.series(name, **labels))

    def series(self, name: str, **labels: str) -> list[float]:
        with urllib.request.urlopen(f"{self.url}metrics", timeout=10) as answer:  # noqa: S310 - 127.0.0.1
            lines = answer.read().decode().splitlines()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return [
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith(f"{name}{{") and all(one in line for one in wanted)
        ]

    def audit(self) -> set[tuple[str, str]]:
        """What the one-shot audit of the same configuration finds: check and resource."""
        arguments = [*MQCANARY, "audit", "--config", str(self.config), "--format", "json", "--fail-on", "never"]
        run = subprocess.run(arguments, capture_output=True, check=True, timeout=120, env={**os.environ, **KEYS})
        return {(one["check"], one["resource"].rpartition("/")[2]) for one in json.loads(run.stdout)["findings"]}


@pytest.fixture(scope="module")
def watch(kafka3: KafkaCluster, sqs_server: SqsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("watch")
    seed.create_topics(kafka3.bootstrap, {f"{PREFIX}quiet": _safe(1)})  # it meets a cluster where nothing is wrong
    with FakeSlack() as slack:
        port = free_port()
        brokers = json.dumps(kafka3.bootstrap.split(","))
        config = folder / "mqcanary.yaml"
        config.write_text(f"""
kafka:
  - {{name: live, bootstrap: {brokers}, topics: {{include: ["{PREFIX}*"]}}, groups: {{include: ["{PREFIX}*"]}}}}
sqs:
  - {{name: live, region: {REGION}, prefix: {PREFIX}, endpoint_url: "{sqs_server.url}"}}
every: 1s
listen: {{address: "127.0.0.1:{port}"}}
slack: {{token: "{slack.token}", base_url: "{slack.url}"}}
route: {{to: "slack:#alerts"}}
alerts: {{gather: 1s, clear_polls: 2, contact_polls: 1}}
limits:
  - {{checks: "*", after: 0s}}
  - {{checks: "kafka/group-lagging", slo: 3s}}
""")
        arguments = [*MQCANARY, "run", "--config", str(config), "--state", str(folder / "state"), "--log", "json"]
        with Process("mqcanary", arguments, folder / "log", KEYS) as process:
            made = Watch(config, process, slack, f"http://127.0.0.1:{port}/")
            until(lambda: _ready(made), "the agent is ready", timeout=PATIENCE)
            yield made


def _ready(watch: Watch) -> bool:
    watch.process.check()
    try:
        with urllib.request.urlopen(f"{watch.url}readyz", timeout=5) as answer:  # noqa: S310 - 127.0.0.1
            return bool(json.load(answer)["ready"])
    except OSError:
        return False


def _safe(partitions: int) -> seed.TopicSpec:
    return seed.TopicSpec(partitions, 3, {"min.insync.replicas": "2"})


def names(fresh: str, *ends: str) -> Sequence[str]:
    return [f"{PREFIX}{fresh[-8:]}-{end}" for end in ends]


def test_a_consumer_stops_and_comes_back(watch: Watch, kafka3: KafkaCluster, fresh: str) -> None:
    topic, group = names(fresh, "orders", "app")
    seed.create_topics(kafka3.bootstrap, {topic: _safe(1), f"{topic}.dlq": _safe(1)})
    with Member(kafka3.bootstrap, group, topic) as member:
        seed.produce(kafka3.bootstrap, topic, 5)
        member.consume(5)
        until(lambda: watch.metric("mqcanary_group_members", group=group) == 1, "the group is seen", timeout=PATIENCE)
    seed.produce(kafka3.bootstrap, topic, 7, timestamp=int((time.time() - 60) * 1000))
    root = watch.wait_root(group, "behind")
    assert watch.metric("mqcanary_group_lag_records", group=group, topic=topic) == 7
    assert watch.metric("mqcanary_group_members", group=group) == 0  # shown, not hidden
    assert ("kafka/group-lagging", group) in watch.audit()
    with Member(kafka3.bootstrap, group, topic) as member:
        member.consume(7)
        watch.wait_resolved(root)
    assert watch.metric("mqcanary_group_lag_records", group=group, topic=topic) == 0


def test_a_dead_letter_queue_fills_and_is_emptied(watch: Watch, sqs_server: SqsServer, fresh: str) -> None:
    dead, source = names(fresh, "jobs-dlq", "jobs")
    sqs = sqs_server.client()
    dead_url = sqs.create_queue(QueueName=dead, Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})
    sqs.create_queue(QueueName=source, Attributes={"RedrivePolicy": policy})
    for n in range(3):
        sqs.send_message(QueueUrl=dead_url, MessageBody=str(n))
    root = watch.wait_root(dead, "3 messages")
    assert watch.metric("mqcanary_dead_letter_queue_messages", queue=dead) == 3
    assert watch.metric("mqcanary_findings", check="sqs/dlq-not-empty") >= 1
    assert ("sqs/dlq-not-empty", dead) in watch.audit()
    sqs.purge_queue(QueueUrl=dead_url)
    watch.wait_resolved(root)
    assert watch.metric("mqcanary_dead_letter_queue_messages", queue=dead) == 0


def test_a_broker_of_three_is_killed(watch: Watch, kafka3: KafkaCluster, fresh: str) -> None:
    replicated, lone = names(fresh, "three", "one")
    seed.create_topics(kafka3.bootstrap, {replicated: _safe(3), lone: seed.TopicSpec(3, 1)})
    until(lambda: watch.has("mqcanary_topic_log_end_offset", topic=lone), "the topics are seen", timeout=PATIENCE)
    with kafka3.down(3, kill=True):
        offline = watch.wait_root(lone, "without a leader")
        thinner = watch.wait_root(replicated, "lacks copies")
        assert watch.metric("mqcanary_findings", check="kafka/offline-partition", target="kafka://live") >= 1
        assert watch.metric("mqcanary_findings", check="kafka/under-replicated", target="kafka://live") >= 1
        assert watch.metric("mqcanary_target_up", target="kafka://live") == 1
        found = watch.audit()
        assert {("kafka/offline-partition", lone), ("kafka/under-replicated", replicated)} <= found
    for root in (offline, thinner):
        watch.wait_resolved(root)
