"""Committed offsets from what the library has decoded, row by row: answers of older brokers, and about share groups."""

from collections.abc import Iterable, Mapping

import numpy as np

from checks.facts import Committed

Row = tuple[int, int, int, int, int]
"""Partition, offset, its leader epoch, records left (of share groups), error code; -1 for what is not told."""


def of_rows(topics: Mapping[str, Iterable[Row]], at: float, *, shared: bool = False) -> Committed:
    """Those with an offset or an error, sorted by topic and partition; as of `at`."""
    names = sorted(topics)
    rows = [
        (i, *row)
        for i, name in enumerate(names)
        for row in sorted(topics[name])
        if row[0] >= 0 and (row[1] >= 0 or row[4])
    ]
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 6)
    topic, partition, offset, epoch, left, error = (column.copy() for column in table.T)
    more = {"left": left} if shared else {}
    return Committed(
        tuple(names), topic, partition, offset, error.astype(np.int16), at, **more, epoch=epoch.astype(np.int32)
    )
