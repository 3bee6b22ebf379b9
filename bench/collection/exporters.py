"""What serves each group-partition to Prometheus, run as its user runs it: our agent, and klag-exporter where it is built.

Three times a few looks: nothing changes; nothing changes and each look is scraped once; a tenth of the groups goes a record back or
forward before each, and each is scraped. Memory is that before anything changed, and the most.
"""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench.collection.client import peak
from bench.idle import cpu
from tests.live.jars import CHECKOUT
from tests.live.process import Process, free_port, until

KLAG = "0.1.29"
LOOKS = 3
"""Looks of each of the three kinds."""
HEAD = (
    "program",
    "CPU s a look (wall)",
    "CPU s a scrape",
    "look and scrape, a tenth changed",
    "broker's CPU s",
    "MB",
    "series",
    "µs a series",
)
LASTED = re.compile(
    rb"^(?:mqcanary_target_look_duration_seconds|kafka_lag_exporter_scrape_duration_seconds)\S* (\S+)", re.MULTILINE
)


def built(*, build: bool) -> Path | None:
    """klag-exporter's program, if it was built before; built now, in some minutes, if that is asked for."""
    root = Path(os.environ.get("MQCANARY_CACHE") or CHECKOUT / ".cache") / f"klag-{KLAG}"
    program = root / "bin" / "klag-exporter"
    if program.is_file():
        return program
    if not build:
        return None
    cargo = shutil.which("cargo") or shutil.which("cargo", path=str(Path.home() / ".cargo" / "bin"))
    if cargo is None:
        sys.exit(
            "klag: cargo is missing; klag-exporter is built with Rust's cargo, cmake, libsasl2-dev and libcurl4-openssl-dev"
        )
    with tempfile.TemporaryDirectory(prefix="mqcanary-klag-") as target:  # a gigabyte that nobody needs again
        words = f"install klag-exporter --version {KLAG} --locked --root".split()
        argv = [cargo, *words, str(root), "--target-dir", target]
        if subprocess.run(argv, check=False).returncode:
            sys.exit("klag: klag-exporter was not built; it needs cmake, libsasl2-dev and libcurl4-openssl-dev")
    return program


def table(bootstrap: str, broker: int, change: Callable[[], None], every: int, klag: Path | None) -> None:
    """`broker`: its process id; `change`: lets a tenth of the groups commit; `every`: seconds between looks."""
    print(
        f"\nExporters, a look every {every} s. A series costs a look while nothing changes and a scrape, per line served.\n"
    )
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    idle = _spent(broker, every)
    for name in ("mqcanary run", "klag-exporter") if klag else ("mqcanary run",):
        with tempfile.TemporaryDirectory(prefix="mqcanary-bench-") as made:
            folder, port = Path(made), free_port()
            start = functools.partial(_klag, klag) if klag and name == "klag-exporter" else _agent
            with Process(name, start(bootstrap, port, every, folder), folder / "log") as process:
                print(f"| {name} | {' | '.join(_cells(process, port, broker, idle, change, every))} |", flush=True)


def _agent(bootstrap: str, port: int, every: int, folder: Path) -> list[str]:
    """The whole agent: collect, judge with every check, keep, and serve each group-partition."""
    lines = [f"every: {every}s", f"listen: {{address: '127.0.0.1:{port}', partitions: all}}"]
    lines += ["kafka:", f"  - {{name: big, bootstrap: '{bootstrap}'}}"]
    (folder / "mqcanary.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-c", "from agent.cli import main; main()", "run", "--log", "json"]
    return [*command, "--config", str(folder / "mqcanary.yaml"), "--state", str(folder / "state")]


def _klag(program: Path, bootstrap: str, port: int, every: int, folder: Path) -> list[str]:
    """Without lag in time, which it guesses from rates or reads records for; the rest is its default."""
    lines = ["[exporter]", f'poll_interval = "{every}s"', 'http_host = "127.0.0.1"', f"http_port = {port}"]
    lines += ['granularity = "partition"', "[exporter.timestamp_sampling]", "enabled = false"]
    lines += ["[[clusters]]", 'name = "big"', f'bootstrap_servers = "{bootstrap}"']
    (folder / "klag.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [str(program), "--config", str(folder / "klag.toml")]


def _cells(process: Process, port: int, broker: int, idle: float, change: Callable[[], None], every: int) -> list[str]:
    def first() -> bool:
        process.check()
        with contextlib.suppress(OSError):
            return b'partition="' in _scrape(port)
        return False

    def spent(each: Callable[[int], object]) -> float:
        """CPU seconds of a look when this is done before each."""
        begun = cpu(process.pid)
        for turn in range(LOOKS):
            due = time.monotonic() + every
            each(turn)
            threading.Event().wait(due - time.monotonic())
        process.check()
        return (cpu(process.pid) - begun) / LOOKS

    until(first, f"{process.name} serves its first look", timeout=120, every=1)
    _spent(broker, 2 * every)  # first contact is over
    begun = cpu(broker)
    quiet = spent(lambda _: None)
    theirs = (cpu(broker) - begun) / LOOKS - idle
    served: list[bytes] = []
    scraped = max(0.0, spent(lambda _: served.append(_scrape(port))) - quiet)
    before = peak(process.pid)

    def change_and_scrape(_: int) -> None:
        change()
        served[:] = [_scrape(port)]

    both = spent(change_and_scrape)
    series = sum(not line.startswith(b"#") for line in served[-1].splitlines())
    lasted = LASTED.search(served[-1])
    wall = f" ({float(lasted[1]):.2f})" if lasted else ""
    seconds = (scraped, both, theirs)
    cells = [f"{quiet:.2f}{wall}", *(f"{one:.2f}" for one in seconds), f"{before:.0f}, {peak(process.pid):.0f}"]
    return [*cells, f"{series:,}", f"{(quiet + scraped) / series * 1e6:.1f}"]


def _scrape(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return bytes(answer.read())


def _spent(pid: int, seconds: float) -> float:
    """CPU seconds of a process in the next seconds."""
    begun = cpu(pid)
    threading.Event().wait(seconds)
    return cpu(pid) - begun
