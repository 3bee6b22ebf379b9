"""mqcanary lag GROUP: the same rows as among all groups, and nothing of the cluster is asked but what they need."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.demo.cluster import ANONYMOUS, Member, Model, Rights, SimulatedCluster, all_but
from tests.agent.conftest import Run
from tests.agent.test_lag_command import model

METADATA, LIST_GROUPS, COORDINATOR = 3, 16, 10
Lag = Callable[..., subprocess.CompletedProcess[str]]


def estate(name: str) -> Model:
    """Groups of every kind, some of which read what others do, and topics that nobody reads."""
    made = model(name, {"app": 7, "app-eu": 1, "a[b]": 3})
    for topic in ("payments", "clicks", "unread"):
        for partition in made.add_topic(topic, 2).partitions:
            partition.append(500, made.clock())
    newer = Member("n", subscription=("payments", "clicks"), assignment={"payments": (0,), "clicks": (0, 1)})
    made.add_group("newer", {("payments", 0): 400}, state="Stable", kind="consumer", members=[newer])
    shares = Member("s", subscription=("clicks",), assignment={"clicks": (0, 1)})
    shared = {("clicks", 0): 100, ("clicks", 1): 500}
    made.add_group("sharer", shared, state="Stable", kind="share", protocol_type="share", members=[shares])
    made.add_group("left", {("payments", 1): 9, ("orders", 2): 1000}, state="Empty")
    return made


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedCluster(estate("one")) as running:
        yield running


@pytest.fixture
def lag(mqcanary: Run, cluster: SimulatedCluster) -> Lag:
    return lambda *words: mqcanary("lag", "--kafka", cluster.bootstrap, *words)


def rows(done: subprocess.CompletedProcess[str], *groups: str) -> list[dict[str, Any]]:
    """Without what a second more has changed: how long, and how near look-ups came to it."""
    read = [row for row in json.loads(done.stdout) if not groups or row["group"] in groups]
    return [{k: v for k, v in row.items() if not k.startswith("lag_seconds") and k != "method"} for row in read]


@pytest.mark.parametrize("groups", [("app",), ("newer",), ("sharer",), ("left",), ("a[b]",), ("left", "app", "newer")])
def test_a_group_by_name_has_the_rows_that_it_has_among_all(lag: Lag, groups: tuple[str, ...]) -> None:
    every, some = lag("--format", "json"), lag(*groups, "--format", "json")
    assert (some.returncode, some.stderr) == (0, "")
    assert rows(some) == rows(every, *groups)
    assert {row["group"] for row in rows(some)} == set(groups)


def test_nothing_is_asked_of_groups_and_topics_that_it_does_not_read(lag: Lag, cluster: SimulatedCluster) -> None:
    assert lag("app").returncode == 0
    assert not cluster.asked(LIST_GROUPS)
    asked = [topic["name"] for request in cluster.asked(METADATA) for topic in request.fields["topics"]]
    assert set(asked) == {"__consumer_offsets", "orders"}
    assert [request.fields["coordinator_keys"] for request in cluster.asked(COORDINATOR)] == [["app"]]
    told = str([request.fields for request in cluster.requests])
    assert not any(name in told for name in ("payments", "newer", "app-eu"))


def test_groups_are_listed_for_who_mistypes_one(lag: Lag, cluster: SimulatedCluster) -> None:
    done = lag("nwer", "app", "--format", "json")
    assert {row["group"] for row in rows(done)} == {"app"}
    assert (done.returncode, done.stderr) == (3, "mqcanary: no group nwer is shown by one; did you mean newer?\n")
    assert len(cluster.asked(LIST_GROUPS)) == len(cluster.model.brokers)
    left_out = lag("newer", "--exclude", "new*")
    assert (left_out.returncode, left_out.stderr) == (3, "mqcanary: no group newer is shown by one\n")


def test_a_group_that_may_not_be_described_says_so(lag: Lag, cluster: SimulatedCluster) -> None:
    cluster.model.rights = {ANONYMOUS: Rights(groups=all_but("app"), cluster=False)}
    done = lag("app")
    assert (done.returncode, done.stdout) == (3, "")
    (said,) = done.stderr.splitlines()
    assert said.startswith(
        "mqcanary: group app: coordinator of app: GROUP_AUTHORIZATION_FAILED: grant DESCRIBE on group app: "
    )
    assert said.endswith("--add --allow-principal User:NAME --operation Describe --group app")
    assert lag("newer").stderr == "", "that the list may be short is no matter of one that is there"


def test_no_coordinator_is_asked_for_where_that_would_make_a_topic(lag: Lag, cluster: SimulatedCluster) -> None:
    cluster.model.groups.clear()
    cluster.model.offsets_topic = False
    done = lag("app")
    assert (done.returncode, done.stderr) == (3, "mqcanary: no group app is shown by one\n")
    assert not cluster.model.offsets_topic


def test_several_clusters_of_a_file(mqcanary: Run, tmp_path: Path) -> None:
    with ExitStack() as running:
        first, second = (running.enter_context(SimulatedCluster(model(n, {"app": 7}))) for n in ("one", "two"))
        second.model.add_group("only-here", {("orders", 0): 1})
        lines = (f"  - {{name: {n}, bootstrap: ['{c.bootstrap}']}}" for n, c in (("a", first), ("b", second)))
        (tmp_path / "c.yaml").write_text("\n".join(("kafka:", *lines)))
        words = ("lag", "--config", f"{tmp_path}/c.yaml")
        both, one = (mqcanary(*words, name, "--format", "json") for name in ("app", "only-here"))
        nobody = mqcanary(*words, "only-her")
        every = mqcanary(*words, "--format", "json")
        assert not first.asked(LIST_GROUPS)[2 * len(first.model.brokers) :]
    assert (both.returncode, both.stderr, rows(both)) == (0, "", rows(every, "app"))
    assert {row["cluster"] for row in rows(both)} == {"a", "b"}
    assert (one.returncode, one.stderr, rows(one)) == (0, "", rows(every, "only-here"))
    assert nobody.stderr == "mqcanary: no group only-her is shown by a, b; did you mean only-here?\n"


def test_a_cluster_that_is_away_beside_one_that_shows_it(lag: Lag, cluster: SimulatedCluster) -> None:
    done = lag("app", "--kafka", "127.0.0.1:1", "--format", "json")
    assert done.returncode == 3
    assert len(rows(done)) == 3
    assert "127.0.0.1:1" in done.stderr
    assert "no group" not in done.stderr
