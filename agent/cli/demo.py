"""mqcanary demo."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from agent import audit as auditing
from agent.cli.targets import Aim
from agent.collect.building import Watched
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.collect.targets import observe
from agent.demo.cluster import SimulatedCluster
from agent.demo.estate import cluster_model, queues
from agent.report import text as as_text
from checks import all_checks
from checks.limits import Limits
from checks.questions import Questions


@click.command("demo")
def command() -> None:
    """Audit a simulated Kafka cluster and local queues: nothing outside this machine is touched."""
    click.echo("A simulated cluster of three brokers and a local SQS server, both on 127.0.0.1.\n")
    with _estate() as target:
        snapshots = []
        latest: dict[int, object] = {}
        for _ in range(2):  # a dead-letter queue is believed on the second look
            taken = observe([w.collector for w in target.watched], latest, [w.deadline for w in target.watched])  # type: ignore[arg-type]
            latest = dict(enumerate(taken))
            snapshots += taken
        audited = auditing.audit(snapshots, all_checks(), target.limits)
        click.echo(as_text.render(audited), nl=False)


@contextmanager
def _estate() -> Iterator[Aim]:
    limits = Limits()
    with SimulatedCluster(cluster_model(time.time)) as cluster, queues() as sqs:
        bootstrap = tuple((h, int(p)) for h, _, p in (b.rpartition(":") for b in cluster.bootstrap.split(",")))
        kafka = KafkaCollector(KafkaSettings(bootstrap, name="demo"), Questions(all_checks(), limits))
        yield Aim((Watched(kafka, 20.0), Watched(sqs, 20.0)), limits)
