"""The audit on estates with planted faults: it finds every one of them and nothing else; on sound ones it finds nothing.

Each check has a row: a resource that has the fault, and a look-alike that only seems to have it. One cluster of three brokers, one
of a single broker and a local SQS hold them all. First the look-alikes are audited alone, then with the faults beside them, then with
a broker dead. The audit is the real command; what happens between its polls is done right before each.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from agent.cli import cli, targets
from tests.live.broker import KafkaCluster
from tests.live.planted import (
    BY_STUB,
    CLUSTER,
    DEAD,
    DEV,
    EVERY,
    ORDER_DOES_NOT_MATTER,
    POLLS,
    ROWS,
    SOUND,
    STANDING,
    Row,
)
from tests.live.planting import Estate, arn
from tests.live.sqs import REGION, SqsServer

SOON = {"leader.imbalance.check.interval.seconds": "1"}
"""After which a broker that came back leads again what it led."""
HANGING = {
    "transaction.max.timeout.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "600000",
}
"""A transaction may take a second, and nobody ends one that takes longer."""

Found = set[tuple[str, str]]
"""Check, and the name of what it speaks of."""


def planted(rows: tuple[Row, ...]) -> Found:
    return {(check, row.resource) for row in rows for check in (row.check, *row.also)}


def config(cluster: KafkaCluster, dev: KafkaCluster, sqs: SqsServer, used: float) -> str:
    limits: list[dict[str, object]] = [
        {"checks": "kafka/disk-filling", "used": 0.999, "critical": 1.0},
        {"checks": "kafka/disk-filling", "resources": f"kafka://{CLUSTER}", "used": used},
    ]
    for row in ROWS:
        if row.limits:
            limits.append({"checks": row.check, **row.limits})
        if row.declared:
            limits.append({"checks": row.check, "resources": f"*://*/*/{row.look_alike}", **row.declared})
    limits += [
        {"checks": "fifo/*", "resources": f"sqs://*/queues/{queue}", "off": True} for queue in ORDER_DOES_NOT_MATTER
    ]
    document = {
        "kafka": [
            {"name": CLUSTER, "bootstrap": cluster.bootstrap.split(",")},
            {"name": DEV, "bootstrap": dev.bootstrap.split(",")},
        ],
        "sqs": [{"region": REGION, "endpoint_url": sqs.url}],
        "limits": limits,
    }
    return json.dumps(document)


@dataclass(frozen=True)
class Audits:
    good: Mapping[str, Any]
    """Of look-alikes and what is sound."""
    bad: Mapping[str, Any]
    """The same, with every fault beside it."""
    dead: Mapping[str, Any]
    """Of topics that a broker's death hurts."""
    altered: Mapping[str, Any]
    """Of the bad estate's snapshot, with what no server accepts."""


@pytest.fixture(scope="module")
def audits(
    java: None, kafka: KafkaCluster, sqs_server: SqsServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Audits]:
    folder = tmp_path_factory.mktemp("planted")
    off, on = ({"auto.create.topics.enable": value} for value in ("false", "true"))
    with (
        pytest.MonkeyPatch.context() as patch,
        KafkaCluster(3, racks=("a", "a", "b"), properties=off | SOON | HANGING) as cluster,
        Estate(cluster, kafka, sqs_server) as estate,
    ):
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        for name, used in (("good", 0.999), ("bad", 0.0)):
            (folder / name).write_text(config(cluster, kafka, sqs_server, used))

        def audit(name: str, samples: int, *globs: str) -> Mapping[str, Any]:
            nonlocal polls
            polls = 0
            words = [word for glob in globs for word in ("--include", glob)]
            words += ["--config", str(folder / name), "--samples", str(samples), "--every", f"{EVERY}s"]
            words += ["--sample", "*-records-*", "--save", str(folder / "snapshot")]
            return run(*words)

        polls = 0

        def lived(*words: Any) -> Any:
            """One poll, and before it what has happened since the one before."""
            nonlocal polls
            if polls:
                estate.live(polls, POLLS - 1)
            polls += 1
            return look(*words)

        look = targets.observe
        patch.setattr(targets, "observe", lived)

        faults = {name: thing for row in ROWS for name, thing in row.planted.items()}
        alike = {name: thing for row in ROWS for name, thing in row.alike.items() if name not in faults}
        estate.plant(alike | SOUND)
        good = audit("good", POLLS, "sound-*", "fine-*")

        cluster.stop_broker(DEAD)
        cluster.configure(DEAD, on)
        cluster.start_broker(DEAD)
        estate.settle()
        cluster.lower("transaction.version", 1)
        estate.plant(faults)
        told = audit("bad", POLLS, "sound-*", "fine-*", "bad-*")
        altered = altered_audit(folder)

        cluster.kill_broker(DEAD)
        dead = audit("good", 1, "hurt-*")
        yield Audits(good, told, dead, altered)


def altered_audit(folder: Path) -> Mapping[str, Any]:
    """A FIFO queue whose dead-letter queue is a standard one."""
    text = (folder / "snapshot").read_text()
    redrive, altered = (f'"dead_letter_arn":"{arn(name)}"' for name in ("bad-kind-dlq.fifo", "sound-dlq"))
    assert redrive in text
    (folder / "altered").write_text(text.replace(redrive, altered))
    return run("--config", str(folder / "bad"), "--from", str(folder / "altered"))


def run(*words: str) -> Mapping[str, Any]:
    done = CliRunner().invoke(cli, ["audit", *words, "--format", "json", "--fail-on", "never"])
    assert done.exit_code == 0, done.output
    document: Mapping[str, Any] = json.loads(done.stdout)
    return document


def found(document: Mapping[str, Any]) -> Found:
    return {(one["check"], unquote(one["resource"].rpartition("/")[2])) for one in document["findings"]}


def test_it_finds_every_planted_fault_and_nothing_else(audits: Audits) -> None:
    wanted, told = planted(ROWS), found(audits.bad) | found(audits.dead) | found(audits.altered)
    right = wanted & told
    precision, recall = len(right) / len(told), len(right) / len(wanted)
    score = f"precision {precision:.3f}, recall {recall:.3f}: {len(wanted)} faults planted, {len(told)} findings"
    print(score)  # noqa: T201 - for pytest -s
    assert (precision, recall) == (1.0, 1.0), (
        f"{score}\nnot planted: {sorted(told - wanted)}\nnot found: {sorted(wanted - told)}"
    )


def test_a_stub_adds_what_no_server_accepts_and_nothing_else(audits: Audits) -> None:
    assert found(audits.altered) - found(audits.bad) == {
        (row.check, row.resource) for row in ROWS if row.check in BY_STUB
    }
    assert found(audits.bad) <= found(audits.altered)


def test_a_sound_estate_has_no_finding(audits: Audits) -> None:
    gaps = {(one["check"], one["resource"]) for one in audits.good["gaps"]}
    assert found(audits.good) == set()
    assert gaps == STANDING
