"""Kafka's own command says what is true: what it prints about groups, as rows."""

import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from tests.live.broker import java

_MAIN = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
_STREAMS = "org.apache.kafka.tools.streams.StreamsGroupCommand"
_SHARE = "org.apache.kafka.tools.consumer.group.ShareGroupCommand"


class Row(NamedTuple):
    committed: int | None
    end: int | None
    lag: int | None


class MemberRow(NamedTuple):
    group: str
    consumer_id: str
    host: str
    client_id: str
    partitions: int


def offsets(bootstrap: str, *groups: str) -> dict[tuple[str, str, int], Row]:
    """{(group, topic, partition): (committed, end, lag)} of these groups, or of all."""
    result = {}
    for row in _table(_run(bootstrap, groups), "CURRENT-OFFSET"):
        if row["PARTITION"] == "-":
            continue  # a member without partitions
        numbers = (row["CURRENT-OFFSET"], row["LOG-END-OFFSET"], row["LAG"])
        key = (row["GROUP"], row["TOPIC"], int(row["PARTITION"]))
        result[key] = Row(*(None if number == "-" else int(number) for number in numbers))
    return result


def share_offsets(bootstrap: str, *groups: str) -> dict[tuple[str, str, int], tuple[int, int]]:
    """{(group, topic, partition): (first record not finished, lag)} of these share groups."""
    rows = _table(_run(bootstrap, groups, "--offsets", main=_SHARE), "START-OFFSET")
    return {
        (row["GROUP"], row["TOPIC"], int(row["PARTITION"])): (int(row["START-OFFSET"]), int(row["LAG"])) for row in rows
    }


def streams_lags(bootstrap: str, group: str) -> dict[tuple[str, int], int]:
    """{(topic, partition): lag} of a streams group, which must have members."""
    rows = _table(_run(bootstrap, (group,), "--offsets", main=_STREAMS), "OFFSET-LAG")
    return {(row["TOPIC"], int(row["PARTITION"])): int(row["OFFSET-LAG"]) for row in rows}


def streams_tasks(bootstrap: str, group: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """{member: {part of the topology: partitions}} of a streams group: what is active, not what stands by."""
    text = _run(bootstrap, (group,), "--members", main=_STREAMS)
    rows = (line.split(maxsplit=4) for line in text.splitlines() if line.split()[:1] == [group])
    active = {row[1]: re.match(r"ACTIVE:((?: \w+:\[[\d,]*\];)*)", "".join(row[4:])) for row in rows}
    return {
        member: {
            part: tuple(sorted(map(int, numbers.split(","))))
            for part, numbers in re.findall(r"(\w+):\[([\d,]+)\]", tasks[1] if tasks else "")
        }
        for member, tasks in active.items()
    }


def members(bootstrap: str, *groups: str) -> list[MemberRow]:
    rows = _table(_run(bootstrap, groups, "--members"), "#PARTITIONS")
    return [
        MemberRow(row["GROUP"], row["CONSUMER-ID"], row["HOST"], row["CLIENT-ID"], int(row["#PARTITIONS"]))
        for row in rows
    ]


def reconciling(bootstrap: str, group: str) -> dict[str, tuple[int, str, int, str]]:
    """{client id: (current epoch, current assignment, target epoch, target assignment)} of a group of KIP-848.

    An assignment as `orders:0,1`; `-` where there is none. Each member needs a client id of its own.
    """
    rows = _table(_run(bootstrap, (group,), "--members", "--verbose"), "TARGET-EPOCH")
    return {
        row["CLIENT-ID"]: (
            int(row["CURRENT-EPOCH"]),
            row["CURRENT-ASSIGNMENT"],
            int(row["TARGET-EPOCH"]),
            row["TARGET-ASSIGNMENT"],
        )
        for row in rows
    }


def _run(bootstrap: str, groups: tuple[str, ...], *options: str, main: str = _MAIN) -> str:
    which = [part for group in groups for part in ("--group", group)] or ["--all-groups"]
    argv = java(main, "--bootstrap-server", bootstrap, "--describe", *which, *options, heap="96m")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    # The command tells some errors with exit code 0, on standard output.
    if done.returncode or "Error:" in done.stdout or "Error:" in done.stderr:
        raise RuntimeError(f"Kafka's group command ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _table(text: str, column: str) -> Iterator[dict[str, str]]:
    """The rows below each head that has this column; a table a group, prose between them."""
    head: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["GROUP"] and column in words:
            head = words
        elif head and len(words) == len(head):
            yield dict(zip(head, words, strict=True))
        elif not words:
            head = []
