"""What an audit costs: CPU seconds of the process, over a simulated cluster. Run by `make bench`."""

import subprocess
import sys
import time
from pathlib import Path

from agent.demo.cluster import SimulatedCluster, estate

SIZES = ((100, 4, 50), (1000, 4, 500))


def cpu_of(bootstrap: str) -> float:
    """User and system seconds of one `mqcanary audit`, its start included."""
    script = "import resource, sys; from agent.cli import cli\ntry: cli(sys.argv[1:])\nexcept SystemExit: pass\n"
    script += "u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime, file=sys.stderr)"
    command = [sys.executable, "-c", script, "audit", "--kafka", bootstrap, "--fail-on", "never"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    return float(done.stderr.split()[-1])


def main() -> None:
    print("| topics | partitions | groups | CPU s (median of 3) |\n|---|---|---|---|")
    for topics, partitions, groups in SIZES:
        model = estate(topics=topics, partitions=topics * partitions, groups=groups)
        model.clock = time.time
        with SimulatedCluster(model) as cluster:
            median = sorted(cpu_of(cluster.bootstrap) for _ in range(3))[1]
        print(f"| {topics} | {topics * partitions} | {groups} | {median:.2f} |")


if __name__ == "__main__":
    main()
