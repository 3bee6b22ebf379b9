"""The doctor as a user calls it, against the simulated cluster, a local SQS and a local Slack."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.demo.cluster import ANONYMOUS, Config, Rights, SimulatedCluster, all_but
from agent.demo.slack import FakeSlack, Workspace
from agent.demo.slack.workspace import small
from agent.doctor.kafka import clock, patterns
from checks.facts.features import release
from tests.agent.cli.conftest import Run, run  # noqa: F401 - the command in this process
from tests.agent.estate import cluster_model
from tests.live.sqs import REGION, SqsServer

Ran = Any
TOPICS = "DESCRIBE on topics"
READ = "READ on topics"


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(cluster_model(time.time)) as running:
        yield running


def items(out: str) -> dict[tuple[str, str], dict[str, Any]]:
    """By scheme or subject, and name."""
    found = json.loads(out)
    return {
        (subject["subject"].partition(":")[0], item["name"]): item
        for subject in found["subjects"]
        for item in subject["items"]
    }


def lacking(out: str) -> set[str]:
    return {name for (_, name), item in items(out).items() if item["state"] == "missing"}


def test_all_is_well(cluster: SimulatedCluster, run: Run) -> None:  # noqa: F811
    done = run("doctor", "--kafka", cluster.bootstrap)
    assert done.code == 0, done.out
    assert "\x1b" not in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())
    assert "All is well" in done.out


@pytest.mark.parametrize(
    ("rights", "missing"),
    [
        (Rights(topics=set(), more=False), {TOPICS}),
        (Rights(topic_configs=set(), more=False), {"DESCRIBE_CONFIGS on topics"}),
        (Rights(groups=set(), more=False), {"DESCRIBE on groups"}),
        (Rights(cluster=False, more=False), {"DESCRIBE on the cluster"}),
        (Rights(cluster_configs=False, more=False), {"DESCRIBE_CONFIGS on the cluster"}),
        (Rights(topic_configs=all_but("orders"), more=False), {"DESCRIBE_CONFIGS on topics"}),
    ],
)
def test_what_is_missing_is_named_and_nothing_else(
    cluster: SimulatedCluster,
    run: Run,  # noqa: F811
    rights: Rights,
    missing: set[str],
) -> None:
    cluster.model.rights[ANONYMOUS] = rights
    done = run("doctor", "--kafka", cluster.bootstrap, "--format", "json")
    assert (done.code, lacking(done.out)) == (1, missing)
    (command,) = items(done.out)["kafka", missing.pop()]["commands"]
    assert command.startswith("kafka-acls.sh ")
    assert "User:ANONYMOUS" in command


def test_what_is_included_is_what_has_to_be_allowed(cluster: SimulatedCluster, run: Run) -> None:  # noqa: F811
    words = ("doctor", "--kafka", cluster.bootstrap, "--include", "orders*", "--format", "json")
    cluster.model.rights[ANONYMOUS] = Rights(topics=set(), more=False)
    (command,) = items(run(*words).out)["kafka", TOPICS]["commands"]
    assert command.endswith("--topic orders --resource-pattern-type prefixed")


def test_a_target_that_is_away_wins(cluster: SimulatedCluster, run: Run) -> None:  # noqa: F811
    cluster.model.rights[ANONYMOUS] = Rights(cluster=False)
    done = run("doctor", "--kafka", cluster.bootstrap, "--kafka", "127.0.0.1:1", "--format", "json")
    assert done.code == 3
    assert "refuses connections" in done.out


def test_a_cluster_none_of_whose_brokers_can_be_come_to_is_not_reachable(cluster: SimulatedCluster, run: Run) -> None:  # noqa: F811
    for broker in cluster.model.brokers.values():
        broker.host = "kafka.invalid"
    done = run("doctor", "--kafka", cluster.bootstrap, "--format", "json")
    assert done.code == 3
    (item,) = items(done.out).values()
    assert "kafka.invalid" in item["text"]
    assert "advertised.listeners" in item["mend"]


def test_a_budget_that_a_first_look_does_not_keep_to_is_a_warning(
    cluster: SimulatedCluster,
    run: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.yaml"

    def told(requests: int) -> dict[str, Any] | None:
        path.write_text(f"kafka: [{{bootstrap: '{cluster.bootstrap}', requests: {requests}}}]\n")
        done = run("doctor", "--config", path, "--state", tmp_path, "--format", "json")
        assert done.code == 0
        return items(done.out).get(("kafka", "requests"))

    warned = told(8)
    assert warned is not None
    assert warned["state"] == "warning"
    assert "and `requests: 8` allows 8: the rest are gaps" in warned["text"]
    enough = int(warned["mend"].split("`requests: ")[1].split("`")[0])
    assert told(enough) is None
    assert told(enough - 1) is not None


def test_quotas_that_hold_it_up_are_a_warning(cluster: SimulatedCluster, run: Run) -> None:  # noqa: F811
    words = ("doctor", "--kafka", cluster.bootstrap, "--format", "json")
    with cluster.fault(throttle_ms=500, api=2, broker=2):
        item = items(run(*words).out)["kafka", "throttled"]
    assert item["state"] == "warning"
    assert item["text"].startswith(f"broker 2, 127.0.0.1:{cluster.port(2)}, held us up for ")
    assert "request_percentage" in item["mend"]
    assert ("kafka", "throttled") not in items(run(*words).out)


def test_it_makes_no_topic_and_asks_nothing_that_changes(cluster: SimulatedCluster, run: Run) -> None:  # noqa: F811
    before = set(cluster.model.topics)
    run("doctor", "--kafka", cluster.bootstrap)
    assert set(cluster.model.topics) == before


def test_whether_records_may_be_read_is_told_without_reading_any(
    cluster: SimulatedCluster,
    run: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    cluster.model.rights[ANONYMOUS] = Rights(more=False, read={"orders", "payments"})
    words = ("doctor", "--kafka", cluster.bootstrap, "--format", "json")
    assert ("kafka", "sampling") not in items(run(*words).out)
    found = items(run(*words, "--sample", "orders").out)
    assert found["kafka", READ]["state"] == "ok"
    assert (
        "1 topic, at most 1 MB of each in an hour: 1 MB an hour, 0.7 GB a month" in found["kafka", "sampling"]["text"]
    )
    found = items(run(*words, "--sample", "pay*", "--sample", "cl*").out)
    assert "kafka/hot-key" in found["kafka", READ]["costs"]
    assert [command.partition("--operation ")[2] for command in found["kafka", READ]["commands"]] == [
        "Read --topic payments.dlq",
        "Read --topic cl --resource-pattern-type prefixed",
    ]
    assert items(run(*words, "--sample", "nobody").out)["kafka", READ]["state"] == "not checked"
    path = tmp_path / "m.yaml"
    path.write_text(f"kafka: [{{bootstrap: '{cluster.bootstrap}', sample: {{topics: audit-log, budget: 5MB}}}}]\n")
    found = items(run("doctor", "--config", path, "--state", tmp_path, "--format", "json").out)
    assert (found["kafka", READ]["state"], found["kafka", "sampling"]["text"][:22]) == (
        "missing",
        "1 topic, at most 5 MB ",
    )
    assert not cluster.asked(1)


def test_queues_and_their_price(aws: SqsServer, run: Run) -> None:  # noqa: F811
    aws.reset()
    sqs = aws.client()
    for i in range(3):
        sqs.create_queue(QueueName=f"orders-{i}")
    sqs.create_queue(QueueName="payments.fifo", Attributes={"FifoQueue": "true"})
    keys = {"AWS_ENDPOINT_URL": aws.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "hush-hush"}
    done = run("doctor", "--sqs", REGION, "--format", "json", **keys)
    assert done.code == 0, done.out
    assert "hush" not in done.out
    # 5 requests each 30 s: 4 at $0.40 a million, one of a FIFO queue at $0.50.
    assert "432,000 a month" in items(done.out)["sqs", "cost"]["text"]
    assert "$0.18 a month" in items(done.out)["sqs", "cost"]["text"]


def test_whether_tags_may_be_read_is_told_where_they_count(
    aws: SqsServer,
    run: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    aws.reset()
    aws.client().create_queue(QueueName="orders")
    iam = aws.client("iam")
    iam.create_user(UserName="auditor")
    key = iam.create_access_key(UserName="auditor")["AccessKey"]
    rules = [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]
    iam.put_user_policy(
        UserName="auditor", PolicyName="may", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": rules})
    )
    path = tmp_path / "m.yaml"
    path.write_text(f"sqs: [{{region: {REGION}, endpoint_url: '{aws.url}', read_tags: true}}]\n")
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    words = ("doctor", "--config", path, "--state", tmp_path, "--format", "json")
    aws.enforce_iam()
    try:
        found = items(run(*words, **keys).out)["sqs", "tag:GetResources"]
    finally:
        aws.enforce_iam(None)
    assert found["state"] == "missing"
    assert "sqs/dlq-missing" in found["costs"]
    assert json.loads(found["commands"][0]) == {"Effect": "Allow", "Action": ["tag:GetResources"], "Resource": "*"}
    assert items(run(*words, **keys).out)["sqs", "tag:GetResources"]["state"] == "ok"


TOKEN = "xoxb-demo"


def configured(cluster: SimulatedCluster, slack: FakeSlack, folder: Path) -> Path:
    path = folder / "mqcanary.yaml"
    path.write_text(
        f"kafka: [{{name: prod, bootstrap: ['{cluster.bootstrap}']}}]\n"
        f"slack: {{token: '${{SLACK_TOKEN}}', base_url: '{slack.url}'}}\n"
        "webhooks: {ops: {url: '${HOOK}'}}\n"
        f"state: {folder}/state\n"
        "route: {to: ['slack:#alerts', 'webhook:ops']}\n"
    )
    return path


def spoken(cluster: SimulatedCluster, workspace: Workspace, folder: Path, run: Run, token: str = TOKEN) -> Any:  # noqa: F811
    with FakeSlack(workspace) as slack:
        path = configured(cluster, slack, folder)
        done = run(
            "doctor", "--config", path, "--format", "json", SLACK_TOKEN=token, HOOK="https://hooks.example/secret-path"
        )
        assert token not in done.out + done.err
        assert "secret-path" not in done.out + done.err
        assert not slack.messages("alerts"), "the doctor posts nothing"
    return done


def test_slack_is_asked_and_nothing_is_posted(cluster: SimulatedCluster, run: Run, tmp_path: Path) -> None:  # noqa: F811
    done = spoken(cluster, small(), tmp_path, run)
    assert done.code == 0, done.out
    found = items(done.out)
    assert found["slack", "token"]["text"] == "mqcanary in Demo"
    assert found["slack", "channel #alerts"]["state"] == "ok"
    assert found["webhook", "address"]["state"] == "not checked"
    assert found[f"state {tmp_path}/state", "writable"]["state"] == "ok"
    assert not (tmp_path / "state").exists()


def test_what_slack_lacks_is_named(cluster: SimulatedCluster, run: Run, tmp_path: Path) -> None:  # noqa: F811
    assert lacking(spoken(cluster, small(), tmp_path, run, "xoxb-wrong").out) == {"token"}
    workspace = small()
    workspace.tokens[TOKEN].scopes = {"channels:read", "groups:read"}
    workspace.channel("alerts").members = set()
    assert lacking(spoken(cluster, workspace, tmp_path, run).out) == {"scopes", "channel #alerts"}
    workspace.tokens[TOKEN].scopes = {"chat:write"}
    done = spoken(cluster, workspace, tmp_path, run)
    assert lacking(done.out) == set()
    assert items(done.out)["slack", "channel #alerts"]["state"] == "not checked"


def test_a_secret_in_clear_is_a_warning(run: Run, tmp_path: Path) -> None:  # noqa: F811
    model = cluster_model(time.time)
    model.mechanisms, model.users = ("PLAIN", "SCRAM-SHA-512"), {"alice": "wonder"}
    for mechanism, state in (("PLAIN", "warning"), ("SCRAM-SHA-512", "ok")):
        (tmp_path / "p").write_text(
            f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n"
            'sasl.jaas.config=x.PlainLoginModule required username="alice" password="wonder";\n'
        )
        with SimulatedCluster(model) as running:
            done = run(
                "doctor", "--kafka", running.bootstrap, "--kafka-properties", str(tmp_path / "p"), "--format", "json"
            )
        item = items(done.out)["kafka", "authenticated"]
        assert (done.code, item["state"]) == (0, state), done.out
        assert ("in clear" in item["text"], "SASL_SSL" in item["mend"]) == (state == "warning",) * 2
        assert "wonder" not in done.out


def test_a_state_directory_that_is_a_file(cluster: SimulatedCluster, run: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "file").touch()
    done = run("doctor", "--kafka", cluster.bootstrap, "--state", tmp_path / "file", "--format", "json")
    assert (done.code, lacking(done.out)) == (1, {"writable"})


def test_wrong_usage(run: Run) -> None:  # noqa: F811
    assert run("doctor").code == 2


def test_what_it_is_is_told_with_what_tells_it(cluster: SimulatedCluster, run: Run) -> None:  # noqa: F811
    def told() -> str:
        return str(items(run("doctor", "--kafka", cluster.bootstrap, "--format", "json").out)["kafka", "kind"]["text"])

    assert told() == "Apache Kafka (nothing speaks for another), cluster id simulated-cluster-0001"
    cluster.model.brokers[2].configs["confluent.balancer.enable"] = Config("false")
    assert told().startswith("Confluent Platform (its brokers have the setting confluent.balancer.enable), ")
    cluster.model.cluster_id = "redpanda.initializing"
    assert told().startswith("Redpanda (its cluster id begins with redpanda.), ")


def test_versions() -> None:
    assert [release(level) for level in (0, 7, 19, 25, 30, 99)] == ["", "3.3", "3.7", "4.0", "4.3", "4.3 or newer"]


def test_clocks() -> None:
    assert clock(-120, "t").state == "missing"
    assert clock(2, "t").state == "ok"
    assert clock(3600, "t").state == "not checked"


def test_patterns_are_what_acls_know() -> None:
    from agent.collect.kafka.collector import Choice  # noqa: PLC0415 - loads kafka-python

    assert patterns(Choice()) == [("*", False)]
    assert patterns(Choice(include=("orders-*", "payments"))) == [("orders-", True), ("payments", False)]
    assert patterns(Choice(include=("orders-*", "*-dlq"))) == [("*", False)]
