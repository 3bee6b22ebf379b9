"""What the agent costs while nothing is wrong: CPU and memory of a real `mqcanary run`. Run by `make bench`.

Five simulated clusters (50 topics of four partitions and 50 groups each) and five regions of a local SQS server (50 queues
each), looked at every 30 s, with an hour of history behind them. Quiet: nobody writes or reads. Busy: every partition is
written and read to its end between two looks. Simulation and server run in other processes than what is measured.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from agent.collect.aws.sqs import SqsCollector, SqsSettings
from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from agent.demo.cluster import SimulatedCluster, estate
from agent.store.frames import Frames
from checks import all_checks
from checks.facts import History, KafkaSnapshot, LogEnds, Snapshot
from checks.limits import Limits
from checks.questions import Questions
from tests.live.process import Process, free_port, until
from tests.live.sqs import SqsServer

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2")
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
EVERY = 30.0
TICKS = os.sysconf("SC_CLK_TCK")
MOST_CPU, MOST_MB = 1.0, 130
"""Per cent of a core, and megabytes of resident memory: what the agent may cost."""


def cpu(pid: int) -> float:
    """User and system seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """Megabytes in memory now."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


@contextmanager
def clusters(count: int) -> Iterator[list[SimulatedCluster]]:
    with ExitStack() as stack:
        models = [estate(topics=50, partitions=200, groups=50, topics_per_group=1, lag=0) for _ in range(count)]
        for model in models:
            model.clock = time.time
        yield [stack.enter_context(SimulatedCluster(model)) for model in models]


@contextmanager
def queues() -> Iterator[SqsServer]:
    with SqsServer(keep_alive=True) as sqs:
        for region in REGIONS:
            client = sqs.client(region=region)
            for n in range(50):
                client.create_queue(QueueName=f"queue-{n:02}")
        yield sqs


@contextmanager
def traffic(cluster: Sequence[SimulatedCluster]) -> Iterator[None]:
    """Every third of a look some records more on every partition, all of them read at once."""
    over = threading.Event()

    def flow() -> None:
        while not over.wait(EVERY / 3):
            for one in cluster:
                with one.lock:
                    for topic in one.model.topics.values():
                        for partition in topic.partitions:
                            partition.append(10, time.time())
                    for group in one.model.groups.values():
                        for offsets in group.committed.topics.values():
                            offsets[:] = type(offsets)("q", [offset + 10 for offset in offsets])

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def looked(cluster: Sequence[SimulatedCluster], sqs: SqsServer | None) -> list[Snapshot]:
    """What the agent would see now."""
    questions = Questions(all_checks(), Limits())
    seen: list[Snapshot] = []
    for n, one in enumerate(cluster):
        seen.append(KafkaCollector(KafkaSettings(one.endpoints, f"cluster-{n}"), questions).collect(None, 30))
    if sqs is not None:
        settings = (SqsSettings(region=region, name=region, endpoint_url=sqs.url) for region in REGIONS)
        seen += [SqsCollector(one).collect(None, 30) for one in settings]
    return seen


def remember(folder: Path, snapshots: Sequence[Snapshot]) -> None:
    """An hour in which every look saw the same."""
    folder.mkdir()
    frames = Frames(folder / "history.db")
    for snapshot in snapshots:
        history = History()
        for back in range(int(3600 / EVERY) - 1, 0, -1):
            at = snapshot.at - back * EVERY
            then = replace(snapshot, at=at)
            if isinstance(then, KafkaSnapshot) and isinstance(then.ends, LogEnds):
                then = replace(then, ends=replace(then.ends, at=at))
            history.append(then)
            frames.keep(history, then)
    frames.close()


def configuration(cluster: Sequence[SimulatedCluster], sqs: SqsServer | None) -> str:
    lines = [f"every: {EVERY:g}s", f"listen: {{address: '127.0.0.1:{free_port()}'}}"]
    if cluster:
        lines.append("kafka:")
        lines += [f"  - {{name: cluster-{n}, bootstrap: '{one.bootstrap}'}}" for n, one in enumerate(cluster)]
    if sqs is not None:
        lines.append("sqs:")
        lines += [f"  - {{region: {region}, name: {region}, endpoint_url: '{sqs.url}'}}" for region in REGIONS]
    return "\n".join(lines) + "\n"


def measure(name: str, cluster: Sequence[SimulatedCluster], sqs: SqsServer | None, seconds: float) -> str:
    """One row of the table."""
    with tempfile.TemporaryDirectory(prefix="mqcanary-idle-") as made:
        folder, state = Path(made), Path(made) / "state"
        remember(state, looked(cluster, sqs))
        config = folder / "mqcanary.yaml"
        config.write_text(configuration(cluster, sqs), encoding="utf-8")
        command = [sys.executable, "-c", "from agent.cli import main; main()", "run", "--log", "json"]
        with Process("mqcanary", [*command, "--config", str(config), "--state", str(state)], folder / "log") as agent:
            until(lambda: agent.check() or '"started"' in agent.log.read_text("utf-8"), "the agent starts")
            pause = threading.Event()
            pause.wait(3 * EVERY)  # first contact is over
            before, begun = cpu(agent.pid), time.monotonic()
            memory = 0.0
            while (passed := time.monotonic() - begun) < seconds:
                pause.wait(min(5.0, seconds - passed))
                memory = max(memory, resident(agent.pid))
            agent.check()
            spent = cpu(agent.pid) - before
    return f"| {name} | {100 * spent / passed:.2f} | {memory:.0f} | {1000 * spent / passed * EVERY:.0f} |"


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 180.0
    os.environ |= KEYS
    print(
        f"Idle, a look every {EVERY:g} s, over {seconds:g} s; it may cost {MOST_CPU:g} % of a core and {MOST_MB} MB.\n"
    )
    print(f"| targets | % of a core | most RSS MB | CPU ms in each {EVERY:g} s |\n|---|---|---|---|", flush=True)
    with clusters(5) as five, queues() as sqs:
        print(measure("five clusters, quiet", five, None, seconds), flush=True)
        print(measure("five regions of SQS", [], sqs, seconds), flush=True)
        print(measure("both, quiet", five, sqs, seconds), flush=True)
        with traffic(five):
            print(measure("both, busy", five, sqs, seconds), flush=True)


if __name__ == "__main__":
    main()
