"""A fix is there to be pasted: each command is run as it stands, on real servers, and what it was for is over."""

import json
import os
import shlex
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.conftest import Run, mqcanary  # noqa: F401 - the real command
from tests.live import seed
from tests.live.broker import KafkaCluster, java
from tests.live.member import Member
from tests.live.process import until
from tests.live.sqs import REGION, SqsServer

pytestmark = pytest.mark.live

TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-reassign-partitions.sh": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-features.sh": "org.apache.kafka.tools.FeatureCommand",
}
AWS = """
import json, os, sys
import boto3
service, operation, *words = sys.argv[1:]
options = dict(zip(words[::2], words[1::2], strict=True))
endpoint = options.pop("--endpoint-url", os.environ.get("AWS_ENDPOINT_URL"))
client = boto3.client(service, region_name=options.pop("--region"), endpoint_url=endpoint)
names = {"--queue-name": "QueueName", "--queue-url": "QueueUrl", "--attributes": "Attributes"}
asked = {names[option]: value for option, value in options.items()}
if "Attributes" in asked:
    text = asked["Attributes"]
    asked["Attributes"] = json.loads(text) if text[0] == "{" else dict(part.split("=") for part in text.split(","))
getattr(client, operation.replace("-", "_"))(**asked)
"""
"""As much of the AWS command line as the fixes use: its words become the same calls."""

Paste = Callable[..., str]
Found = dict[tuple[str, str], str]
"""Check and resource name to the command of its fix."""


@pytest.fixture
def paste(tmp_path: Path) -> Paste:
    """Runs a command in a shell that knows Kafka's and AWS's, and gives what it printed."""
    (tmp_path / "aws.py").write_text(AWS)
    scripts = {"aws": [sys.executable, str(tmp_path / "aws.py")]}
    scripts |= {name: java(main, heap="96m") for name, main in TOOLS.items()}
    for name, argv in scripts.items():
        file = tmp_path / name
        file.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def run(command: str, **env: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def audited(run: Run, *words: str, **env: str) -> Found:
    done = run("audit", *words, "--format", "json", "--samples", "1", "--fail-on", "never", **env)
    assert done.returncode == 0, done.stderr
    return {
        (finding["check"], finding["resource"].rpartition("/")[2]): finding["fix"]["command"]
        for finding in json.loads(done.stdout)["findings"]
    }


def test_kafkas_fixes(kafka3: KafkaCluster, fresh: str, mqcanary: Run, paste: Paste) -> None:  # noqa: F811
    lone, loose, read = f"{fresh}-lone", f"{fresh}-loose", f"{fresh}-read"
    safe = {"min.insync.replicas": "2"}
    seed.create_topics(
        kafka3.bootstrap,
        {
            lone: seed.TopicSpec(4, 1, safe),
            loose: seed.TopicSpec(1, 3, {"min.insync.replicas": "1"}),
            read: seed.TopicSpec(1, 3, safe),
        },
    )
    seed.produce(kafka3.bootstrap, read, 5, partition=0, timestamp=int((time.time() - 3600) * 1000))
    late = f'{fresh} it\'s\n"late" $(exit 1)'
    seed.commit_offsets(kafka3.bootstrap, late, {(read, 0): 1})
    # What these brokers are set to in their own files no command mends.
    words = ("--kafka", kafka3.bootstrap, "--include", f"{fresh}*", "--skip", "kafka/auto-create-topics")
    kafka3.lower("transaction.version", 1)
    with Member(kafka3.bootstrap, f"{fresh}-app", read) as app:
        app.consume(5)
        found = audited(mqcanary, *words)
        by_check = {check: command for (check, _), command in found.items()}
        assert set(by_check) == {
            "kafka/replication-factor-low",
            "kafka/min-insync-unsafe",
            "kafka/dlq-missing",
            "kafka/group-lagging",
            "kafka/feature-level-behind",
        }
        printed = {check: paste(command, BOOTSTRAP=kafka3.bootstrap) for check, command in by_check.items()}
        assert read in printed["kafka/group-lagging"]
        until(lambda: _copies(kafka3, lone) == {3}, "every partition has three copies")
        assert {check for check, _ in audited(mqcanary, *words)} == {"kafka/group-lagging"}
    assert "is completed" in paste(
        by_check["kafka/replication-factor-low"].replace("--throttle 50000000 --execute", "--verify"),
        BOOTSTRAP=kafka3.bootstrap,
    )


def _copies(kafka: KafkaCluster, topic: str) -> set[int]:
    return {len(partition.isrs) for partition in kafka.metadata().topics[topic].partitions.values()}


def test_sqss_fixes(sqs_server: SqsServer, mqcanary: Run, paste: Paste) -> None:  # noqa: F811
    sqs_server.reset()
    sqs = sqs_server.client()
    sqs.create_queue(QueueName="orders")
    sqs.create_queue(QueueName="events.fifo", Attributes={"FifoQueue": "true"})
    dead = sqs.get_queue_attributes(
        QueueUrl=sqs.create_queue(QueueName="dead")["QueueUrl"], AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    made = sqs.create_queue(QueueName="gone")["QueueUrl"]
    sqs.create_queue(QueueName="steps-dead.fifo", Attributes={"FifoQueue": "true"})

    def redrive(name: str, receives: int) -> str:
        return json.dumps({"deadLetterTargetArn": dead.replace(":dead", f":{name}"), "maxReceiveCount": receives})

    everyone = {"Sid": "in", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    sqs.create_queue(QueueName="invoices", Attributes={"RedrivePolicy": redrive("dead", 1)})
    week = {"MessageRetentionPeriod": str(7 * 86400)}
    open_ = {"SqsManagedSseEnabled": "false", "Policy": json.dumps({"Version": "2012-10-17", "Statement": [everyone]})}
    sqs.create_queue(QueueName="payments", Attributes={"RedrivePolicy": redrive("gone", 5)} | week | open_)
    ordered = {"FifoQueue": "true", "RedrivePolicy": redrive("steps-dead.fifo", 5), "MessageRetentionPeriod": "3600"}
    sqs.create_queue(QueueName="steps.fifo", Attributes=ordered)
    sqs.delete_queue(QueueUrl=made)
    env = {"AWS_ENDPOINT_URL": sqs_server.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    found = audited(mqcanary, "--sqs", REGION, **env)
    names = ("orders", "events.fifo", "dead", "invoices", "payments", "steps.fifo", "steps-dead.fifo")
    assert set(found) == {
        ("sqs/dlq-missing", "orders"),
        ("sqs/dlq-missing", "events.fifo"),
        ("sqs/dlq-retention-short", "invoices"),
        ("sqs/max-receive-count-low", "invoices"),
        ("sqs/dlq-target-missing", "payments"),
        ("sqs/encryption-off", "payments"),
        ("sqs/public-policy", "payments"),
        ("fifo/dlq-breaks-order", "steps.fifo"),
        *(("sqs/retention-default", name) for name in ("orders", "events.fifo", "invoices")),
        *(("sqs/tls-not-forced", name) for name in names),
    }
    for _ in range(2):  # what the fixes made is looked at as well, and two of them are about one policy
        done = set[str]()
        for (check, name), command in found.items():
            if command and not (check == "sqs/tls-not-forced" and name in done):
                paste(command, **env)
            done |= {name} if check == "sqs/public-policy" else set()
        found = audited(mqcanary, "--sqs", REGION, **env)
    # Order or a dead-letter queue is for people to decide: dlq-missing's fix has given one to events.fifo.
    assert found == {("fifo/dlq-breaks-order", name): "" for name in ("steps.fifo", "events.fifo")}
