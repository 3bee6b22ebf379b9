"""What one look costs, on a simulated cluster of up to 150,000 group-partitions. No words: cost against size and against what changed.

real    beside other clients on an Apache Kafka of one broker; needs Java, and Maven once
big     the same at 3,000 topics and 100,000 group-partitions: a quarter of an hour, 2 GB
behind  how long groups are behind, of as many that all are: some minutes
klag    with `real` or `big`: build klag-exporter first (by cargo, some minutes); once built it always takes part
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.collection import simulated
from bench.collection.picture import draw

WORDS = ("real", "big", "behind", "klag")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.collection", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="real, big, behind, klag")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw cost against size and change, as SVG")
    asked = parser.parse_args()
    for word in asked.words:
        if word not in WORDS:
            parser.error(f"{word}: no such word; there are {', '.join(WORDS)}")
    if asked.picture:
        asked.picture.resolve().parent.mkdir(parents=True, exist_ok=True)
    if asked.words == ["klag"]:
        parser.error("klag: it takes part in `real` and `big`; name one of them beside it")
    on_kafka = _on_kafka(asked.words) if asked.words else []
    if asked.words != ["behind"]:
        sizes, share = simulated.by_size(), simulated.by_share()
        if asked.picture:
            theirs, whatever_changed = simulated.of_peers()
            picture = draw([*theirs, *sizes], [*whatever_changed, share])
            asked.picture.write_text(picture, encoding="utf-8")
    for measure in on_kafka:
        measure()


def _on_kafka(words: Sequence[str]) -> list[Callable[[], None]]:
    """What is to be measured on a real cluster; klag-exporter is built at once, since it may fail."""
    from bench.collection import behind, exporters, real  # noqa: PLC0415 - needs what the live tests need

    klag = exporters.built(build="klag" in words)
    measures = {
        "real": partial(real.real, klag=klag),
        "big": partial(real.real, 3000, 4, 2000, 13, every=20, klag=klag),
        "behind": partial(behind.behind, 3000, 4, 2000, 13),
    }
    return [measure for word, measure in measures.items() if word in words]


if __name__ == "__main__":
    main()
