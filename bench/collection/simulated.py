"""Cost against size, and against the share of groups that changed, on a simulated cluster."""

import math
import statistics
from contextlib import ExitStack
from typing import NamedTuple

from bench.collection.spoken import looks, middle, spoken

SIZES = (
    (30, 120, 20, 13),
    (100, 400, 60, 13),
    (300, 1200, 200, 13),
    (1000, 4000, 650, 13),
    (3000, 12_000, 2000, 13),
    (3000, 35_000, 1500, 9),
)
"""Topics, partitions, groups, topics that each group reads."""
CHANGING = SIZES[-2]
"""The size at which the share that changed is varied."""
SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
PEERS = {"confluent": "confluent-kafka", "kafka-python": "kafka-python"}
"""Clients that look at the same clusters, and their names in a picture."""


class Line(NamedTuple):
    """CPU seconds of one look, of group-partitions or of the share of groups that changed."""

    name: str
    points: list[tuple[float, float]]


def by_size() -> list[Line]:
    """Prints the table of mqcanary."""
    print(
        "CPU seconds of one look of mqcanary: a first one for lag alone, and with the questions of every check; peak memory.\n"
    )
    print(
        "| topics | partitions | groups | group-partitions | first, lag alone | first | nothing changed | a tenth | all | MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    every, same = Line("mqcanary, all groups changed", []), Line("mqcanary, nothing changed", [])
    for size in SIZES:
        with ExitStack() as end:
            cluster = end.enter_context(spoken("served", *map(str, size)))
            bootstrap = cluster.hear()
            client = end.enter_context(spoken("client", "mqcanary", bootstrap))
            first = looks(client, 1)
            looks(client, 2)  # what is asked once or twice
            told = [first, *(looks(client, 3, cluster, share) for share in (None, 0.1, 1.0))]
            with spoken("client", "mqcanary-lag", bootstrap) as other:
                alone = looks(other, 1)
        rows, spent = int(first[0]["rows"]), [middle(one, "cpu") for one in told]
        same.points.append((rows, spent[1]))
        every.points.append((rows, spent[3]))
        cells = [f"{number:,}" for number in (*size[:3], rows)] + [
            f"{cpu:.3f}" for cpu in (middle(alone, "cpu"), *spent)
        ]
        print(f"| {' | '.join(cells)} | {told[-1][-1]['mb']:.0f} |", flush=True)
    print(f"\nCost grows with the power {power(every):.2f} of the size when all groups changed.")
    return [every, same]


def power(line: Line) -> float:
    """The exponent fitted to cost against size."""
    sizes, costs = zip(*((math.log(size), math.log(cpu)) for size, cpu in line.points), strict=True)
    return statistics.linear_regression(sizes, costs).slope


def by_share() -> Line:
    line = Line("mqcanary", [])
    with spoken("served", *map(str, CHANGING)) as cluster, spoken("client", "mqcanary", cluster.hear()) as client:
        looks(client, 3)
        for share in SHARES:
            line.points.append((share, middle(looks(client, 3, cluster, share), "cpu")))
    print("\n| groups that changed | CPU s of a look |\n|---|---|")
    print("\n".join(f"| {share:.0%} | {cpu:.3f} |" for share, cpu in line.points), flush=True)
    return line


def of_peers() -> tuple[list[Line], list[Line]]:
    """What the others' looks cost: at the same sizes when all groups changed, and at CHANGING when none or all did."""
    sizes, shares = [], []
    for client_name, name in PEERS.items():
        line = Line(name, [])
        for size in SIZES:
            with spoken("served", *map(str, size)) as cluster, spoken("client", client_name, cluster.hear()) as client:
                looks(client, 1)
                told = looks(client, 3, cluster, 1.0)
                line.points.append((told[-1]["rows"], middle(told, "cpu")))
                if size == CHANGING:
                    none = middle(looks(client, 3), "cpu")
                    shares.append(Line(name, [(0.0, none), (1.0, middle(told, "cpu"))]))
        sizes.append(line)
        print(f"\n{name}: " + ", ".join(f"{cpu:.3f} s at {rows:,.0f}" for rows, cpu in line.points) + ".", flush=True)
    return sizes, shares
