"""The audit as a user runs it: the real command against the simulated cluster and moto."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from agent import snapshot as files
from agent.cli.targets import named
from agent.demo.cluster import Config, Rights, SimulatedCluster, brokers
from agent.report.json import schema
from checks.facts import Unknown, Why, unseen_kafka
from tests.agent.conftest import Run
from tests.agent.estate import cluster_model
from tests.live.sqs import REGION, SqsServer

GOLDEN = Path(__file__).parent / "golden/snapshot-v1.json"
FOUND = {
    "kafka/lag-on-one-partition kafka://simulated-cluster-0001/groups/order-processor",
    "kafka/auto-create-topics kafka://simulated-cluster-0001",
    "kafka/offline-partition kafka://simulated-cluster-0001/topics/clicks",
    "kafka/group-lagging kafka://simulated-cluster-0001/groups/order-processor",
    "kafka/replication-factor-low kafka://simulated-cluster-0001/topics/audit-log",
    "kafka/min-insync-unsafe kafka://simulated-cluster-0001/topics/clicks",
    "kafka/idle-members kafka://simulated-cluster-0001/groups/payments-app",
    "kafka/dlq-missing kafka://simulated-cluster-0001/groups/order-processor",
}


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(cluster_model(time.time)) as running:
        yield running


def found(text: str) -> set[str]:
    return {finding["fingerprint"] for finding in json.loads(text)["findings"]}


def test_finds_what_is_wrong_and_a_snapshot_says_the_same(
    cluster: SimulatedCluster, mqcanary: Run, tmp_path: object
) -> None:
    saved = f"{tmp_path}/s.json"
    live = mqcanary("audit", "--kafka", cluster.bootstrap, "--format", "json", "--save", saved)
    assert live.returncode == 1, live.stderr
    assert live.stderr == ""
    assert found(live.stdout) == FOUND
    jsonschema.validate(json.loads(live.stdout), schema())
    assert mqcanary("audit", "--from", saved, "--format", "json").stdout == live.stdout
    assert mqcanary("audit", "--from", saved, "--fail-on", "never").returncode == 0
    assert mqcanary("audit", "--from", saved, "--only", "kafka/idle*").returncode == 0
    assert mqcanary("audit", "--from", saved, "--only", "kafka/idle*", "--fail-on", "info").returncode == 1


def test_every_bootstrap_broker_leads_to_the_same_fingerprints(cluster: SimulatedCluster, mqcanary: Run) -> None:
    for broker in cluster.bootstrap.split(","):
        assert found(mqcanary("audit", "--kafka", broker, "--format", "json").stdout) == FOUND


def test_text_is_right_in_a_pipe(cluster: SimulatedCluster, mqcanary: Run) -> None:
    text = mqcanary("audit", "--kafka", cluster.bootstrap).stdout
    assert "\x1b" not in text
    assert all(len(line) <= 80 or line.lstrip().startswith("$ ") for line in text.splitlines())
    assert text.index("critical") < text.index("warning") < text.index("Could not be judged")
    assert "1 critical" in text.splitlines()[-1] or "1 critical" in text.splitlines()[-2]


def test_a_denied_group_and_a_hidden_list_are_gaps(cluster: SimulatedCluster, mqcanary: Run) -> None:
    with cluster.fault(api=9, group="order-processor", error=30):
        done = mqcanary("audit", "--kafka", cluster.bootstrap, "--format", "json")
    gaps = {(gap["check"], gap["why"]) for gap in json.loads(done.stdout)["gaps"]}
    assert ("kafka/group-lagging", "denied") in gaps
    assert not any("group-lagging" in mark for mark in found(done.stdout))
    assert "Traceback" not in done.stderr


def test_a_blind_group_list_says_so(mqcanary: Run) -> None:
    model = cluster_model(time.time)
    model.rights = {"ANONYMOUS": Rights(cluster=False, more=False)}
    with SimulatedCluster(model) as cluster:
        done = mqcanary(
            "audit", "--kafka", cluster.bootstrap, "--fail-on", "never", "--fail-on-gap", "--format", "json"
        )
    (gap,) = [g for g in json.loads(done.stdout)["gaps"] if g["resource"].endswith("/groups/")]
    assert gap["why"] == "denied"
    assert "--operation Describe --cluster" in gap["close"]
    assert done.returncode == 1


@pytest.mark.parametrize("api", [16, 15, 9, 2, 32])
@pytest.mark.parametrize("fault", [{"drop": True}, {"cut": 5}, {"error": -1}], ids=["dropped", "cut", "server error"])
def test_one_bad_broker_makes_gaps_and_no_false_finding(
    cluster: SimulatedCluster, mqcanary: Run, api: int, fault: dict[str, object]
) -> None:
    with cluster.fault(api=api, broker=2, **fault):
        done = mqcanary("audit", "--kafka", cluster.bootstrap, "--format", "json", "--deadline", "5s")
    assert done.stderr == ""
    assert done.returncode in {0, 1}
    assert found(done.stdout) <= FOUND
    assert json.loads(done.stdout)["summary"]["gaps"] > 0 or found(done.stdout) == FOUND


def test_a_silent_cluster_ends_at_the_deadline_and_the_other_goes_on(cluster: SimulatedCluster, mqcanary: Run) -> None:
    with SimulatedCluster(cluster_model(time.time)) as silent, silent.fault(stall=True):
        begun = time.monotonic()
        done = mqcanary(
            "audit",
            "--kafka",
            silent.bootstrap.split(",")[0],
            "--kafka",
            cluster.bootstrap,
            "--deadline",
            "2s",
            "--format",
            "json",
        )
        assert time.monotonic() - begun < 8
    document = json.loads(done.stdout)
    assert found(done.stdout) == FOUND
    assert [target["unseen"] and target["unseen"]["why"] for target in document["targets"]] == ["deadline", None]
    assert done.returncode == 1


def test_no_request_may_create_a_topic_and_all_only_read(cluster: SimulatedCluster, mqcanary: Run) -> None:
    mqcanary("audit", "--kafka", cluster.bootstrap)
    asked = {request.api for request in cluster.requests}
    assert asked <= {2, 3, 9, 10, 15, 16, 18, 32, 35, 46, 48, 55, 69}
    metadata = [request for request in cluster.requests if request.api == 3]
    assert metadata
    assert not any(request.fields["allow_auto_topic_creation"] for request in metadata)


def test_lag_lists_every_partition(cluster: SimulatedCluster, mqcanary: Run) -> None:
    rows = json.loads(mqcanary("lag", "--kafka", cluster.bootstrap, "--format", "json").stdout)
    assert {(r["group"], r["topic"], r["partition"]): r["lag"] for r in rows}[("order-processor", "orders", 2)] == 5800
    (row,) = [
        r
        for r in json.loads(mqcanary("lag", "--by", "group", "--kafka", cluster.bootstrap, "--format", "json").stdout)
        if r["lag"]
    ]
    assert (row["group"], row["partitions"], row["members"]) == ("order-processor", 4, 1)
    text = mqcanary("lag", "order-processor", "--kafka", cluster.bootstrap).stdout
    assert text.splitlines()[0].split()[:3] == ["GROUP", "TOPIC", "PARTITION"]
    assert mqcanary("lag", "nobody", "--kafka", cluster.bootstrap).returncode == 3


def test_queues_are_audited_beside(aws: SqsServer, mqcanary: Run, cluster: SimulatedCluster) -> None:
    aws.reset()
    sqs = aws.client()
    dead = sqs.create_queue(QueueName="invoices-dlq")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:123456789012:invoices-dlq"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
    sqs.create_queue(QueueName="invoices", Attributes={"RedrivePolicy": policy})
    sqs.create_queue(QueueName="thumbnails")
    sqs.send_message(QueueUrl=dead, MessageBody="x")
    keys = {"AWS_ENDPOINT_URL": aws.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = mqcanary("audit", "--sqs", REGION, "--kafka", cluster.bootstrap, "--every", "1s", "--format", "json", **keys)
    queues = {mark for mark in found(done.stdout) if "sqs://" in mark}
    assert queues == {
        f"sqs/dlq-missing sqs://123456789012.{REGION}/queues/thumbnails",
        f"sqs/dlq-not-empty sqs://123456789012.{REGION}/queues/invoices-dlq",
        f"sqs/dlq-retention-short sqs://123456789012.{REGION}/queues/invoices",
    } | {
        f"sqs/{check} sqs://123456789012.{REGION}/queues/{name}"
        for check, names in (
            ("retention-default", ("invoices", "thumbnails")),
            ("tls-not-forced", ("invoices", "invoices-dlq", "thumbnails")),
        )
        for name in names
    }
    assert found(done.stdout) - queues == FOUND


BAD = [
    (("audti",), 2, "did you mean audit?"),
    (("wholly-else",), 2, "No such command"),
    (("audit",), 2, "nothing to look at"),
    (("audit", "--kafka", "nowhere"), 2, "is not HOST:PORT"),
    (("audit", "--kafka", "127.0.0.1:1"), 3, "refuses connections"),
    (("audit", "--only", "kafka/nonsense", "--kafka", "127.0.0.1:1"), 2, "matches no check"),
    (("audit", "--from", "/nonexistent.json"), 2, "can't be read"),
    (("audit", "--kafka", "127.0.0.1:1", "--deadline", "soon"), 2, "is not a length of time"),
    (("checks", "explain", "kafka/group-laging"), 2, "did you mean kafka/group-lagging?"),
    (("checks", "explain", "kafka/group-lagging", "orders"), 2, "not an address"),
    (("checks", "explain", "kafka/group-lagging", "kafka://p/topics/t"), 2, "write kafka://TARGET/groups/NAME"),
    (("checks", "explain", "sqs/dlq-missing", "kafka://p/groups/t"), 2, "write sqs://TARGET/queues/NAME"),
    (("lag", "--kafka", "127.0.0.1:1"), 3, "refuses connections"),
]


@pytest.mark.parametrize(("words", "code", "told"), BAD, ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input_is_one_clear_line(mqcanary: Run, words: tuple[str, ...], code: int, told: str) -> None:
    done = mqcanary(*words)
    assert done.returncode == code
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_checks_are_listed_and_explained(mqcanary: Run) -> None:
    listed = mqcanary("checks", "list").stdout
    assert "sqs/dlq-missing" in listed
    assert "console-consumer-*" in listed
    assert "slo = 3 min  (default)" in mqcanary("checks", "explain", "kafka/group-lagging", "kafka://p/groups/g").stdout


def test_a_file_is_judged_as_it_is(mqcanary: Run, tmp_path: Path) -> None:
    """How to look means nothing for a file: whoever says it all the same expects something else."""
    words = ("--include", "orders", "--samples", "3", "--kafka", "a:1", "--deadline", "1s")
    done = mqcanary("audit", "--from", str(GOLDEN), *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("leave out --kafka, --include, --deadline, --samples\n")
    (tmp_path / "none.json").write_text('{"mqcanary_snapshot":1,"snapshots":[]}')
    assert "holds no target" in mqcanary("audit", "--from", f"{tmp_path}/none.json").stderr


def test_no_check_left_is_no_pass(mqcanary: Run) -> None:
    done = mqcanary("audit", "--from", str(GOLDEN), "--only", "kafka/idle-members", "--skip", "kafka/*")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no check is left" in done.stderr


@pytest.mark.parametrize("option", ["--output", "--save"])
def test_a_place_that_cannot_be_written_is_told_before_the_first_look(
    cluster: SimulatedCluster, mqcanary: Run, option: str, tmp_path: Path
) -> None:
    done = mqcanary("audit", "--kafka", cluster.bootstrap, option, f"{tmp_path}/no/such/folder")
    assert (done.returncode, done.stdout, list(cluster.requests)) == (2, "", [])
    (line,) = done.stderr.splitlines()
    assert "can't be written: No such file or directory" in line


def test_a_full_disk_is_one_line(mqcanary: Run) -> None:
    script = (
        "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'from agent.cli import main; main()', "
    )
    script += "'audit', '--from', sys.argv[1]], stdout=open('/dev/full', 'w')))"
    done = subprocess.run([sys.executable, "-c", script, str(GOLDEN)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "mqcanary: there is no space left where this is written to\n")


def test_where_nothing_is_wrong_it_says_so(mqcanary: Run) -> None:
    model = brokers(3)
    for broker in model.brokers.values():
        broker.configs["auto.create.topics.enable"] = Config("false")
    model.add_topic("orders", 3, 3, min_insync_replicas="2")
    with SimulatedCluster(model) as sound:
        whole = mqcanary("audit", "--kafka", sound.bootstrap)
        with sound.fault(api=32, resource=(2, "orders"), error=29):
            part = mqcanary("audit", "--kafka", sound.bootstrap)
    assert (whole.returncode, part.returncode) == (0, 0)
    assert "\nNo findings.\n" in whole.stdout
    assert "\nNo findings in what could be judged.\n" in part.stdout


def test_who_answers_late_is_one_target(cluster: SimulatedCluster, mqcanary: Run) -> None:
    words = ("--samples", "2", "--every", "0s", "--format", "json")
    with cluster.fault(api=18, drop=True, times=1):
        done = mqcanary("audit", "--kafka", cluster.bootstrap.split(",")[0], *words)
    (target,) = json.loads(done.stdout)["targets"]
    assert (target["address"], target["samples"], target["unseen"]) == ("kafka://simulated-cluster-0001", 2, None)
    assert found(done.stdout) == FOUND


def test_who_answers_no_more_is_one_target() -> None:
    (seen, *_) = files.load(GOLDEN)
    lost = unseen_kafka("127.0.0.1:9092", seen.at + 30, Unknown(Why.UNREACHABLE, "gone"))
    other = unseen_kafka("127.0.0.1:9093", seen.at + 30, Unknown(Why.UNREACHABLE, "never seen"))
    assert [s.target for s in named([seen, other, lost, other], 2, {})] == [seen.target, other.target] * 2
    assert [s.target for s in named([lost, other], 2, {0: seen, 1: other})] == [seen.target, other.target]


def test_a_snapshot_of_nothing_is_no_success(cluster: SimulatedCluster, mqcanary: Run) -> None:
    done = mqcanary("snapshot", "--kafka", cluster.bootstrap, "--kafka", "127.0.0.1:1")
    assert done.returncode == 3
    assert done.stderr == "mqcanary: 127.0.0.1:1 refuses connections: is the broker up, and is this its port?\n"
    assert [snapshot.target for snapshot in files.loads(done.stdout)] == ["simulated-cluster-0001", "127.0.0.1:1"]


def test_one_cluster_by_two_brokers_is_no_second_target(cluster: SimulatedCluster, mqcanary: Run) -> None:
    one, other, _ = cluster.bootstrap.split(",")
    for second in (other, one):
        done = mqcanary("audit", "--kafka", one, "--kafka", second)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert line == f"mqcanary: {one} and {second} are one target, kafka://simulated-cluster-0001: leave one out"
