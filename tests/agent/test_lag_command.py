"""mqcanary lag: rows for programs, a table for people, and what could not be read beside it."""

import json
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from agent.demo.cluster import Config, Member, Model, Rights, SimulatedCluster, brokers
from tests.agent.conftest import Run

OFFSET_FETCH, LIST_OFFSETS, DESCRIBE = 9, 2, 15


def model(name: str, lags: dict[str, int]) -> Model:
    """A topic `orders` of three partitions; each group is so far behind on partition 0 and has read 1, and 2 never."""
    made = brokers(1)
    made.cluster_id = name
    topic = made.add_topic("orders", 3)
    for partition in topic.partitions:
        partition.append(1000, time.time() - 3600)
    for group, lag in lags.items():
        members = [Member("m", assignment={"orders": (0, 1, 2)}, subscription=("orders",))]
        read = {("orders", 0): 1000 - lag, ("orders", 1): 1000}
        made.add_group(group, read, state="Stable", members=members)
    return made


@pytest.fixture
def lag(mqcanary: Run) -> Callable[..., CompletedProcess[str]]:
    def run(clusters: list[SimulatedCluster], *words: str) -> CompletedProcess[str]:
        targets = [word for cluster in clusters for word in ("--kafka", cluster.bootstrap)]
        return mqcanary("lag", *targets, *words)

    return run


def rows(done: CompletedProcess[str]) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(done.stdout)
    return read


def cells(done: CompletedProcess[str]) -> list[list[str]]:
    """Of each line; a wait is told to a hundredth."""
    return [re.sub(r"(59 min( \d+ s)?|1 h) ", "HOUR ", line).split() for line in done.stdout.splitlines()]


def test_what_was_never_committed_is_no_lag_and_no_error(lag: Callable[..., CompletedProcess[str]]) -> None:
    with SimulatedCluster(model("one", {"app": 7})) as cluster:
        text, told = lag([cluster]), lag([cluster], "--format", "json")
    assert (text.returncode, text.stderr) == (0, "")
    assert cells(text) == [
        ["GROUP", "TOPIC", "PARTITION", "COMMITTED-OFFSET", "LOG-END-OFFSET", "LAG", "WAITING", "MEMBERS"],
        ["app", "orders", "0", "993", "1000", "7", "HOUR", "1"],
        ["app", "orders", "1", "1000", "1000", "0", "-", "1"],
        ["app", "orders", "2", "-", "1000", "-", "-", "1"],
    ]
    least, most = rows(told)[0]["lag_seconds"], rows(told)[0]["lag_seconds_at_most"]
    assert 3540 < least <= most < 3660
    assert rows(told)[2] == {
        "cluster": "one",
        "group": "app",
        "topic": "orders",
        "partition": 2,
        "committed_offset": None,
        "log_end_offset": 1000,
        "lag": None,
        "lag_seconds": None,
        "lag_seconds_at_most": None,
        "method": None,
        "timestamps_by": None,
        "members": 1,
        "error": None,
        "reason": "nothing was committed",
    }


@pytest.mark.parametrize("api", [OFFSET_FETCH, LIST_OFFSETS])
def test_what_could_not_be_read_is_not_called_never_committed(
    lag: Callable[..., CompletedProcess[str]], api: int
) -> None:
    with (
        SimulatedCluster(model("one", {"app": 7})) as cluster,
        cluster.fault(api=api, topic="orders", partition=1, error=29),
    ):
        text, told = lag([cluster]), lag([cluster], "--format", "json")
        summed, counted = lag([cluster], "--by", "group"), lag([cluster], "--by", "group", "--format", "json")
    assert text.stdout.splitlines()[2].split()[5] == "?"
    assert text.stderr == "mqcanary: LAG of app orders/1: offsets: TOPIC_AUTHORIZATION_FAILED\n"
    (row,) = [row for row in rows(told) if row["error"]]
    assert (row["partition"], row["lag"], row["reason"]) == (1, None, row["error"])
    assert "TOPIC_AUTHORIZATION_FAILED" in row["error"]
    assert cells(summed)[1][:5] == ["app", "3", ">=", "7", ">="], "at least what is known"
    (row,) = rows(counted)
    assert (row["lag"], row["partial"], row["unknown_partitions"]) == (7, True, 1)
    assert 3540 < row["lag_seconds"] < 3660
    assert row["lag_seconds_at_most"] is None
    assert "TOPIC_AUTHORIZATION_FAILED" in row["error"]


def test_one_offset_beyond_the_end_does_not_hide_the_rest(lag: Callable[..., CompletedProcess[str]]) -> None:
    made = model("one", {"app": 7})
    made.add_group("old", {("orders", 0): 200, ("orders", 1): 5000})
    made.add_group("odd", {("orders", 1): 5000})
    with SimulatedCluster(made) as cluster:
        text, told = lag([cluster], "--by", "topic"), lag([cluster], "--by", "group", "--format", "json")
    lags = {row["group"]: (row["lag"], row["partial"], row["unknown_partitions"]) for row in rows(told)}
    assert lags == {"app": (7, False, 0), "old": (800, True, 1), "odd": (None, True, 1)}
    assert [line[:6] for line in cells(text)[1:]] == [
        ["app", "orders", "3", "7", "HOUR", "1"],
        ["odd", "orders", "1", "?", "?", "0"],
        ["old", "orders", "2", ">=", "800", ">="],
    ]


def test_a_group_that_may_not_be_read_and_a_list_that_may_be_short(lag: Callable[..., CompletedProcess[str]]) -> None:
    made = model("one", {"app": 7, "secret": 1})
    made.rights = {"ANONYMOUS": Rights(cluster=False, more=False)}
    with SimulatedCluster(made) as cluster:
        short = lag([cluster])
        with cluster.fault(api=OFFSET_FETCH, group="secret", error=30):
            denied, other = lag([cluster]), lag([cluster], "app")
    assert short.returncode == 0
    (line,) = short.stderr.splitlines()
    assert "without DESCRIBE on the cluster" in line
    assert "--operation Describe --cluster" in line
    assert denied.returncode == 3
    assert (
        "group secret: committed offsets of secret: GROUP_AUTHORIZATION_FAILED: grant DESCRIBE on group"
        in denied.stderr
    )
    assert "secret" not in denied.stdout
    assert (other.returncode, "secret" in other.stderr) == (0, False)


def test_a_group_that_may_not_be_described_is_named_once_with_the_command(
    lag: Callable[..., CompletedProcess[str]],
) -> None:
    with SimulatedCluster(model("one", {"app": 7})) as cluster, cluster.fault(api=DESCRIBE, group="app", error=30):
        denied = lag([cluster])
    assert denied.returncode == 3
    assert denied.stderr.startswith(
        "mqcanary: group app: GROUP_AUTHORIZATION_FAILED: grant DESCRIBE on group app: kafka-acls"
    )
    assert denied.stderr.rstrip().endswith("--operation Describe --group app")


def test_a_cluster_none_of_whose_brokers_can_be_come_to(lag: Callable[..., CompletedProcess[str]]) -> None:
    with SimulatedCluster(model("one", {"app": 7})) as cluster:
        cluster.model.brokers[1].host = "kafka.invalid"
        done = lag([cluster])
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert "kafka.invalid" in line
    assert "advertised.listeners" in line


def test_groups_of_one_name_in_two_clusters_stay_two(lag: Callable[..., CompletedProcess[str]]) -> None:
    with ExitStack() as running:
        clusters = [
            running.enter_context(SimulatedCluster(model("one", {"app": 7, "only-here": 1}))),
            running.enter_context(SimulatedCluster(model("two", {"app": 5}))),
        ]
        for cluster, kind in zip(clusters, ("LogAppendTime", "CreateTime"), strict=True):
            cluster.model.topics["orders"].configs["message.timestamp.type"] = Config(kind)
        summed = lag(clusters, "--by", "group", "--format", "json")
        text = lag(clusters, "--by", "topic")
        one, nobody = lag(clusters, "only-here"), lag(clusters, "nobody")
    assert {(row["cluster"], row["group"]): row["lag"] for row in rows(summed)} == {
        ("one", "app"): 7,
        ("one", "only-here"): 1,
        ("two", "app"): 5,
    }
    assert {row["cluster"]: row["timestamps_by"] for row in rows(summed)} == {"one": "broker", "two": "producer"}
    assert cells(text)[::3] == [
        ["CLUSTER", "GROUP", "TOPIC", "PARTITIONS", "LAG", "WAITING", "MEMBERS"],
        ["two", "app", "orders", "3", "5", "HOUR", "1"],
    ]
    assert (one.returncode, one.stderr, len(one.stdout.splitlines())) == (0, "", 4)
    assert (nobody.returncode, nobody.stderr) == (3, "mqcanary: no group nobody is shown by one, two\n")


def test_columns_stand_below_each_other_whatever_the_alphabet(lag: Callable[..., CompletedProcess[str]]) -> None:
    with SimulatedCluster(model("one", {"日本語": 1, "app": 2, "two\nlines": 3})) as cluster:
        head, *lines = lag([cluster]).stdout.splitlines()
    place = head.index("TOPIC")
    assert {line[place:].split()[0] for line in lines if line.isascii()} == {"orders"}
    (wide, *_) = [line for line in lines if not line.isascii()]
    assert wide[place - 3 :].split()[0] == "orders", "three letters, six cells"


def test_a_file_without_a_cluster(mqcanary: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("sqs: [{region: us-east-1}]\n")
    done = mqcanary("lag", "--config", f"{tmp_path}/c.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "names no cluster" in done.stderr
