"""The demo's processes: `python -m agent.demo.actors cluster|queues PACE`, or `agent FOLDER`.

Each says once, as JSON on a line, that it has started and where; each obeys lines of its standard input, and ends when
that does: with the demo, however the demo ends.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CONFIGURATION, STATE = "demo.yaml", "state"
"""What is in the agent's folder."""


def _cluster(pace: float) -> None:
    from agent.demo.cluster import SimulatedCluster  # noqa: PLC0415 - each process loads what it plays
    from agent.demo.estate import Traffic, cluster_model  # noqa: PLC0415

    with SimulatedCluster(cluster_model(time.time)) as cluster:
        traffic = Traffic(cluster, pace)
        _started(bootstrap=cluster.bootstrap)
        for verb, about in _orders():
            getattr(traffic, verb)(*about)


def _queues(pace: float) -> None:
    from agent.demo.queues import QueueServer, Workers  # noqa: PLC0415

    url = QueueServer().url
    workers = Workers(url, pace).start()
    _started(url=url)
    for verb, about in _orders():
        getattr(workers, verb)(*about)


def _agent(folder: Path) -> int:
    """A real `mqcanary run`, from the moment its first line comes: by then its configuration is written."""
    from agent.cli import obey  # noqa: PLC0415
    from agent.collect.aws.sqs import SqsCollector  # noqa: F401, PLC0415 - loaded while the others start
    from agent.collect.kafka.collector import KafkaCollector  # noqa: F401, PLC0415
    from agent.daemon.run import Daemon  # noqa: F401, PLC0415
    from alerts.sinks.slack import SlackSink  # noqa: F401, PLC0415

    if not sys.stdin.buffer.readline():
        return 0
    threading.Thread(target=_end_with_the_demo, daemon=True).start()
    sys.argv = [
        "mqcanary",
        "run",
        "--config",
        str(folder / CONFIGURATION),
        "--state",
        str(folder / STATE),
        "--log=json",
    ]
    try:
        return obey()
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # also where the demo was killed


def _end_with_the_demo() -> None:
    sys.stdin.buffer.read()
    with suppress(OSError):  # nobody may be left to read the log
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
    os.kill(os.getpid(), signal.SIGTERM)


def _started(**where: str) -> None:
    print(json.dumps({"message": "started", **where}), flush=True)  # noqa: T201 - to the demo, as the agent's log does


def _orders() -> Iterator[tuple[str, list[str | int]]]:
    """Until the demo ends."""
    for line in sys.stdin:
        verb, *about = json.loads(line)
        yield verb, about


if __name__ == "__main__":
    part, more = sys.argv[1:]
    code = 0
    if part == "agent":
        code = _agent(Path(more))
    else:
        {"cluster": _cluster, "queues": _queues}[part](float(more))
    sys.stdout.flush()
    os._exit(code)  # to take an interpreter apart takes a second, and frees nothing more
