"""Processes that are spoken to a line at a time: the simulated cluster and the clients."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

HERE = Path(__file__).parents[2]


class Spoken:
    def __init__(self, module: str, *words: str) -> None:
        command = [sys.executable, "-m", f"bench.collection.{module}", *words]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
        self.ends = process.communicate
        self.into, self.out = cast("TextIO", process.stdin), cast("TextIO", process.stdout)

    def hear(self) -> str:
        return self.out.readline().strip()

    def say(self, line: str) -> str:
        print(line, file=self.into, flush=True)
        return self.hear()


@contextmanager
def spoken(module: str, *words: str) -> Iterator[Spoken]:
    one = Spoken(module, *words)
    try:
        yield one
    finally:
        one.ends()


def looks(
    client: Spoken, count: int, cluster: Spoken | None = None, share: float | None = None
) -> list[dict[str, Any]]:
    """What each look told; before each, this share of the cluster's groups commits."""
    told = []
    for _ in range(count):
        if cluster is not None and share is not None:
            cluster.say(f"{share}")
        told.append(json.loads(client.say("look")))
    return told


def middle(told: Sequence[dict[str, Any]], what: str) -> float:
    return float(sorted(one[what] for one in told)[len(told) // 2])
