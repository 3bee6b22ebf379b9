"""Processes that tests start, and the waiting for them: nothing outlives the session, nothing sleeps blindly."""

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")

# Below the range from which Linux takes ports for outgoing connections: nobody grabs the port of a stopped broker by chance.
_PORTS = range(20_000, 32_000)
_taken: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, never given twice by one process."""
    chance = secrets.SystemRandom()  # pytest-randomly seeds `random`: two sessions would ask for the same ports
    for _ in range(500):
        port = chance.choice(_PORTS)
        if port in _taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                _taken.add(port)
                return port
    raise RuntimeError(f"no free port of 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}")


def until(probe: Callable[[], T | None], what: str, *, timeout: float = 30.0, every: float = 0.05) -> T:
    """The first true answer of `probe`; a TimeoutError that names `what` when there is none in time."""
    pause = threading.Event()  # never set: it only paces the polling
    end = time.monotonic() + timeout
    while True:
        if answer := probe():
            return answer
        if time.monotonic() >= end:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        pause.wait(every)


class Process:
    """A child in a process group of its own, its output in a file.

    It ends with the thread that started it (PR_SET_PDEATHSIG, by setpriv of util-linux), at the latest when the interpreter exits.
    So start it from the main thread.
    """

    def __init__(self, name: str, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        # Wrappers that exec, for preexec_fn runs Python between fork and exec, which can deadlock beside threads.
        # The shell asks whether the parent was still there when the signal was asked for: before that, its death is not noticed.
        guard = ("sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid()))
        wrapper = ("setpriv", "--pdeathsig", "KILL", *guard) if shutil.which("setpriv") else ()
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*wrapper, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                process_group=0,
            )
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def alive(self) -> bool:
        return self._popen.poll() is None

    def check(self) -> None:
        """Raise with the end of the log if the process is gone."""
        if not self.alive():
            raise RuntimeError(f"{self.name} ended with code {self._popen.returncode}\n{self.tail()}")

    def wait(self, timeout: float) -> int:
        return self._popen.wait(timeout)

    def terminate(self) -> None:
        if self.alive():
            self._popen.terminate()

    def kill(self) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
        atexit.unregister(self.kill)

    def stop(self, grace: float = 15.0) -> None:
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(grace)
        self.kill()

    def tail(self, lines: int = 40) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join([f"--- the end of the log of {self.name} ---", *text.splitlines()[-lines:]])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
