"""mqcanary lag: no number is missing without a reason, and each says how near it is."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from agent.demo.cluster import Config, Member, Model, Point, SimulatedCluster, brokers
from agent.report.lag import method_of
from tests.agent.conftest import Run

SHARE_OFFSETS = 90
Row = dict[str, Any]
Lag = Callable[..., CompletedProcess[str]]


def model() -> Model:
    """A group that lags on one partition of each topic, which differ in what can be known of the time."""
    made, now = brokers(1), time.time()
    made.clock = time.time
    made.cluster_id = "one"
    for name in ("plain", "steady", "remote", "timeless", "unordered", "shared"):
        made.add_topic(name, 1).partitions[0].append(1000, now - 3600)
    made.topics["steady"].partitions[0].points = [Point(i, round((now - 60 + i * 0.05) * 1000)) for i in range(1000)]
    made.topics["remote"].configs["remote.storage.enable"] = Config("true")
    made.topics["timeless"].partitions[0].points = [Point(999, -1)]
    times = (now - 600, now - 100, now - 300)
    made.topics["unordered"].partitions[0].points = [
        Point(offset, round(at * 1000)) for offset, at in zip((100, 200, 999), times, strict=True)
    ]
    read = {(name, 0): 500 for name in made.topics if name != "shared"}
    made.add_group("app", read | {("unordered", 0): 300})
    made.add_topic("deleted", 1).partitions[0].append(1000, now - 90_000)
    made.topics["deleted"].partitions[0].log_start = 1000
    made.add_group("loser", {("deleted", 0): 500})
    reader = Member("m", assignment={"plain": (0,)}, subscription=("plain",))
    made.add_group("never", {}, state="Stable", members=[reader])
    made.add_group("twin", {("shared", 0): 400})
    made.add_group("sharer", {("shared", 0): 400}, kind="share", protocol_type="share")
    return made


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(model()) as running:
        yield running


@pytest.fixture
def lag(mqcanary: Run, cluster: SimulatedCluster) -> Lag:
    return lambda *words: mqcanary("lag", "--kafka", cluster.bootstrap, *words)


def rows(done: CompletedProcess[str]) -> dict[tuple[str, str], Row]:
    return {(row["group"], row.get("topic", "")): row for row in json.loads(done.stdout)}


def reasoned(row: Row) -> None:
    """What the help says of every row."""
    names = ("lag", "lag_seconds", "lag_seconds_at_most")
    missing = row["lag"] is None or (row["lag"] > 0 and None in [row[name] for name in names])
    assert bool(row["reason"]) == missing, row
    least, most = row["lag_seconds"], row["lag_seconds_at_most"]
    near = most is not None and least is not None and most - least <= 1
    assert row["method"] == (None if least is None else "exact" if near else "bracketed"), row


@pytest.mark.parametrize("by", ["partition", "topic", "group"])
def test_each_null_has_a_reason_and_each_number_a_method(lag: Lag, by: str) -> None:
    told = rows(lag("--format", "json", "--by", by))
    for row in told.values():
        reasoned(row)
        assert row["error"] is None, "nothing is amiss"
    if by == "group":
        assert told["app", ""]["reason"]
    never, gone = (next(row for (group, _), row in told.items() if group == name) for name in ("never", "loser"))
    assert (never["lag"], never["lag_seconds"], never["reason"]) == (None, None, "nothing was committed")
    assert (gone["lag"], gone["lag_seconds"], gone["method"]) == (500, 0, "exact"), "what is deleted waits no more"
    if by == "group":
        return
    assert "remote storage" in told["app", "remote"]["reason"]
    assert "no timestamps" in told["app", "timeless"]["reason"]
    assert told["sharer", "shared"]["lag"] == 600
    assert told["sharer", "shared"]["lag_seconds"] is None, "not what another group waits for at the same offset"
    assert "no broker tells how old" in told["sharer", "shared"]["reason"]
    assert told["twin", "shared"]["lag_seconds"] > 3000
    methods = {name: told["app", name]["method"] for name in ("steady", "remote", "timeless")}
    assert methods == {"steady": "exact", "remote": None, "timeless": None}


@pytest.mark.parametrize(
    ("least", "most", "method"),
    [(0.0, 0.0, "exact"), (7.0, 8.0, "exact"), (7.0, 8.1, "bracketed"), (7.0, None, "bracketed"), (None, None, None)],
)
def test_exact_is_what_is_told_to_a_second(least: float | None, most: float | None, method: str | None) -> None:
    assert method_of(least, most) == method


def test_a_question_mark_has_a_reason_below_the_table(lag: Lag) -> None:
    done = lag()
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert [line.removeprefix("mqcanary: ") for line in lines if "sharer" in line] == [
        "WAITING of sharer shared/0: no broker tells how old the records are that a share group has left"
    ]
    assert any(line.startswith("mqcanary: WAITING of app remote/0: remote storage is not asked") for line in lines)
    unknown = [line for line in done.stdout.splitlines() if "?" in line]
    assert len(unknown) <= len(lines)


def test_before_kafka_4_2_how_many_a_share_group_has_left_is_not_told(lag: Lag, cluster: SimulatedCluster) -> None:
    cluster.model.versions = {SHARE_OFFSETS: 0}
    row = rows(lag("sharer", "--format", "json"))["sharer", "shared"]
    reasoned(row)
    assert row["lag"] is None
    assert row["reason"] == row["error"]
    assert "Kafka 4.2" in row["error"]
    text = lag("sharer")
    assert text.stdout.splitlines()[1].split()[5:7] == ["?", "?"]
    assert text.stderr.startswith("mqcanary: LAG of sharer shared/0: offsets: how many records")


@pytest.mark.parametrize("budget", range(3, 20))
def test_a_small_budget_of_requests(mqcanary: Run, cluster: SimulatedCluster, tmp_path: Path, budget: int) -> None:
    (tmp_path / "c.yaml").write_text(f"kafka: [{{bootstrap: ['{cluster.bootstrap}'], requests: {budget}}}]\n")
    done = mqcanary("lag", "--config", f"{tmp_path}/c.yaml", "--format", "json")
    for row in rows(done).values():
        reasoned(row)


def test_what_many_rows_lack_for_one_reason_is_one_line(lag: Lag, cluster: SimulatedCluster) -> None:
    topic = cluster.model.add_topic("wide", 40)
    for partition in topic.partitions:
        partition.append(10, time.time() - 60)
    topic.configs["remote.storage.enable"] = Config("true")
    cluster.model.add_group("wide", {("wide", p): 1 for p in range(40)})
    done = lag("wide")
    (line,) = done.stderr.splitlines()
    assert line.startswith("mqcanary: WAITING of wide wide/0 and 39 more: remote storage is not asked by time")
