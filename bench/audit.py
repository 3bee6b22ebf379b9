"""What an audit costs: CPU seconds of the process, over simulated clusters and a real one. Run by `make bench`."""

import gc
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

from agent.cli import GARBAGE
from agent.demo.cluster import SimulatedCluster, estate

SIZES = ((100, 4, 50), (1000, 4, 500))


def cpu_of(bootstrap: str) -> float:
    """User and system seconds of one `mqcanary audit`, its start included."""
    script = "import resource, sys; from agent.cli import cli\ntry: cli(sys.argv[1:])\nexcept SystemExit: pass\n"
    script += "u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime, file=sys.stderr)"
    command = [sys.executable, "-c", script, "audit", "--kafka", bootstrap, "--fail-on", "never"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    return float(done.stderr.split()[-1])


def median(bootstrap: str) -> float:
    return sorted(cpu_of(bootstrap) for _ in range(3))[1]


def real(topics: int, partitions: int, groups: int) -> float:
    """A real Apache Kafka of three brokers, each group behind on the topic it reads."""
    from tests.live import seed  # noqa: PLC0415 - needs confluent-kafka
    from tests.live.broker import KafkaCluster  # noqa: PLC0415

    with KafkaCluster(3) as kafka:
        names = [f"topic-{i}" for i in range(topics)]
        seed.create_topics(kafka.bootstrap, {name: seed.TopicSpec(partitions, 3) for name in names})
        for name in names:
            seed.produce(kafka.bootstrap, name, 10 * partitions)
        for i in range(groups):
            places = {(names[i % topics], p): 1 for p in range(partitions)}
            seed.commit_offsets(kafka.bootstrap, f"group-{i}", places)
        return median(kafka.bootstrap)


def formats(findings: int) -> None:
    """CPU seconds of each format for so many findings, three to a queue."""
    from agent.audit import audit, chosen_checks  # noqa: PLC0415 - as below
    from agent.report.content import Content  # noqa: PLC0415
    from checks.limits import Limits  # noqa: PLC0415
    from tests.checks.examples import queue, sqs  # noqa: PLC0415

    checks = chosen_checks(("sqs/encryption-off", "sqs/dlq-missing", "sqs/tls-not-forced"))
    queues = (queue(f"orders-{number}", sse=False) for number in range(findings // 3 + 1))
    content = Content(audit([sqs(*queues)], checks, Limits()), checks)
    print(f"\n| format | CPU s for {findings} findings | MB |\n|---|---|---|")
    for name in ("text", "json", "markdown", "sarif", "junit", "html"):
        begun = time.process_time()
        report = import_module(f"agent.report.{name}").render(content)
        print(f"| {name} | {time.process_time() - begun:.2f} | {len(report) / 1e6:.1f} |")


def judging() -> None:
    """CPU seconds of judging a big cluster with nothing known before (previous=None), all default checks."""
    from agent.audit import chosen_checks  # noqa: PLC0415
    from agent.collect.kafka.collector import KafkaCollector, KafkaSettings  # noqa: PLC0415
    from checks.evaluate import evaluate  # noqa: PLC0415
    from checks.facts import History, facts_of  # noqa: PLC0415
    from checks.limits import Limits  # noqa: PLC0415
    from checks.questions import Questions  # noqa: PLC0415

    checks, limits = chosen_checks(), Limits()
    gc.set_threshold(*GARBAGE)  # as the command does
    print(
        "\n| judged cold: 3,000 topics, 12,000 partitions, 2,000 groups | findings | CPU s (median of 5) |\n|---|---|---|"
    )
    for name, lag in (("all read", 0), ("every group behind", 100)):
        model = estate(topics=3000, partitions=12_000, groups=2000, lag=lag)
        model.clock = time.time
        with SimulatedCluster(model) as cluster:
            snapshot = KafkaCollector(KafkaSettings(cluster.endpoints, "big"), Questions(checks, limits)).collect(
                None, 60.0
            )
        history, taken = History(), []
        history.append(snapshot)
        for _ in range(5):
            facts = facts_of(snapshot, history)
            begun = time.process_time()
            report = evaluate(facts, checks, limits)
            taken.append(time.process_time() - begun)
            found = len(report.findings)
            del report, facts  # or the next one would pay for taking this one apart
        print(f"| {name} | {found:,} | {sorted(taken)[2]:.2f} |", flush=True)


def main() -> None:
    from tests.live import jars  # noqa: PLC0415

    print("| cluster | topics | partitions | groups | CPU s (median of 3) |\n|---|---|---|---|---|")
    for topics, partitions, groups in SIZES:
        model = estate(topics=topics, partitions=topics * partitions, groups=groups)
        model.clock = time.time
        with SimulatedCluster(model) as cluster:
            print(f"| simulated | {topics} | {topics * partitions} | {groups} | {median(cluster.bootstrap):.2f} |")
    topics, partitions, groups = SIZES[0]
    try:
        jars.classpath()
    except jars.MissingToolError as missing:
        print(f"no real cluster: {missing}")
    else:
        print(
            f"| Apache Kafka | {topics} | {topics * partitions} | {groups} | {real(topics, partitions, groups):.2f} |"
        )
    judging()
    formats(10_000)


if __name__ == "__main__":
    main()
