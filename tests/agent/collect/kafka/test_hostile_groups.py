"""A thousand groups whose names nobody chose well: each is read as it is called, and is no other."""

import unicodedata
from collections.abc import Iterator

import numpy as np
import pytest

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.demo.cluster import ANONYMOUS, Rights, SimulatedCluster, all_but, brokers
from agent.snapshot import dumps, loads
from checks import all_checks
from checks.facts import Committed, Group, KafkaSnapshot, Unknown, Why
from checks.limits import Limits
from checks.questions import Questions

PLAGUES = (
    *("\x00", "\x07", "\x1b[31m", "\r\n", "\t", " ", "\x7f", "\u0085", "\u2028", "\ufeff", "\ufffd"),
    *("\u202e", "\u200f", "\u2066", "\u200b", "\U0001f480", "\U0001f469\u200d\U0001f680", "\U000e0001"),
    *(
        "'",
        '"',
        "`",
        "\\",
        "$(x)",
        "%s",
        "{0}",
        "*",
        "?",
        "[a-z]",
        "/",
        "../..",
        "#",
        "&",
        "<b>",
        "|",
        ";",
        ":",
        "@",
        "=",
        ",",
    ),
    *(
        "\u00e9",
        "e\u0301",
        "\u212b",
        "\u00c5",
        "A\u030a",
        "\ufb01",
        "fi",
        "I",
        "\u0131",
        "\u0130",
        "\u00df",
        "ss",
        "\uff0f",
    ),
)
LONG = 32_000  # bytes; Kafka's own limit for a string is 32,767
NAMES = tuple(
    dict.fromkeys(
        [
            *("", " ", ".", "..", "null", "None", "-1", "0", "*", "x" * LONG, "y" * LONG, "\U0001f480" * (LONG // 4)),
            *(
                form.format(plague=plague, n=n)
                for plague in PLAGUES
                for n in range(7)
                for form in ("{plague}{n}", "g{plague}{n}")
            ),
            *PLAGUES,
            *(f"{a}{b}" for a in PLAGUES[:16] for b in PLAGUES[16:]),
        ]
    )
)[:1000]


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(3)
    model.add_topic("orders", 3, 3)
    for partition in model.topics["orders"].partitions:
        partition.append(10_000, 1_000_000.0)
    for n, name in enumerate(NAMES):
        kind = ("classic", "consumer")[n % 2]
        model.add_group(name, {("orders", n % 3): n}, kind=kind)
    with SimulatedCluster(model) as running:
        yield running


def look(cluster: SimulatedCluster, previous: KafkaSnapshot | None = None) -> KafkaSnapshot:
    return KafkaCollector(KafkaSettings(cluster.endpoints), Questions(all_checks(), Limits())).collect(previous, 30)


def offsets(snapshot: KafkaSnapshot) -> dict[str, tuple[int, int]]:
    """Partition and offset of each group that is known."""
    return {
        name: (int(one.partition[0]), int(one.offset[0]))
        for name, one in snapshot.committed.items()
        if isinstance(one, Committed) and isinstance(snapshot.groups.items.get(name), Group)
    }


def test_each_is_itself_and_no_other(cluster: SimulatedCluster) -> None:
    assert len(NAMES) == 1000
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in NAMES}) < 950, "some are alike"
    truth = {name: (n % 3, n) for n, name in enumerate(NAMES)}
    first = look(cluster)
    assert offsets(first) == truth
    assert not first.groups.blind
    (again,) = loads(dumps([first]))
    assert isinstance(again, KafkaSnapshot)
    assert offsets(again) == truth
    assert np.array_equal(first.ends.end, [10_000] * 3)  # type: ignore[union-attr]


def test_what_befalls_one_befalls_no_name_that_looks_like_it(cluster: SimulatedCluster) -> None:
    first = look(cluster)
    gone, denied = {"\u00e90", "x" * LONG, "$(x)1", "\x00"}, {"e\u03010", "y" * LONG, "$(x)2", "\r\n"}
    with cluster.lock:
        for name in gone:
            del cluster.model.groups[name]
        cluster.model.rights[ANONYMOUS] = Rights(groups=all_but(*denied))
    second = look(cluster, first)
    assert second.groups.absent.keys() == gone
    unknown = {name: one for name, one in second.groups.items.items() if isinstance(one, Unknown)}
    assert unknown.keys() == denied
    assert {one.why for one in unknown.values()} == {Why.DENIED}
    assert all(f"{one.detail}{one.close}".isprintable() for one in unknown.values())
    assert offsets(second).keys() == set(NAMES) - gone - denied
