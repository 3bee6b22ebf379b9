"""A real `mqcanary run` as a child: started, watched by what it says and serves, and ended by its own id."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.live.process import until

PATIENCE = 30.0
"""Seconds for whatever should happen at once; only a failing test waits so long."""

Line = dict[str, Any]


class Agent:
    """One life. `config` is the text of its file, which stands beside its state directory in `folder`.

    Its standard error is read as it comes; what of it is JSON is in `log`, what is not in `other`, all of it in `output`.
    Nothing of it is where it goes to `log_file`.
    """

    def __init__(
        self,
        folder: Path,
        config: str,
        *options: str,
        form: str = "json",
        env: Mapping[str, str] | None = None,
        log_file: Path | None = None,
        longest_wait: float | None = None,
    ) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "mqcanary.yaml"
        self.log: list[Line] = []
        self.other: list[str] = []
        self.output: list[str] = []
        self.told: list[str] = []
        """Lines on standard output: messages on the console."""
        self._options, self._form, self._env, self._log_file = options, form, env or {}, log_file
        # A message that met a fault eight times waits five minutes, which no test has: shortened like the limits.
        waits = f"import alerts.outbox; alerts.outbox.LONGEST_WAIT = {longest_wait}; " if longest_wait else ""
        self._code = f"{waits}from agent.cli import main; main()"
        self._said = threading.Condition()
        self._streams = 0
        self._readers: list[threading.Thread] = []
        self._child: subprocess.Popen[str] | None = None
        self.configure(config)

    def configure(self, config: str) -> None:
        """Another file, for the next start or reload."""
        self.config.write_text(config, encoding="utf-8")

    # ── a life ──

    def spawn(self) -> Self:
        """Starts it, and waits for nothing."""
        arguments = [sys.executable, "-c", self._code, "run", "--log", self._form]
        arguments += ["--config", str(self.config), "--state", str(self.state), *self._options]
        # It ends with this process, however that ends; see tests.live.process.
        guard = ("sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid()))
        wrapper = ("setpriv", "--pdeathsig", "KILL", *guard) if shutil.which("setpriv") else ()
        with self._log_file.open("ab") if self._log_file else contextlib.nullcontext(subprocess.PIPE) as errors:
            self._child = subprocess.Popen(
                [*wrapper, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **self._env},
                process_group=0,
            )
        for stream, keep in ((self._child.stdout, self._console), (self._child.stderr, self._line)):
            if stream is None:
                continue
            with self._said:
                self._streams += 1
            reader = threading.Thread(target=self._read, args=(stream, keep))
            reader.start()
            self._readers.append(reader)
        return self

    def start(self) -> Self:
        """Starts it, and waits until it listens."""
        self.spawn()
        self.wait_log("started")
        return self

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def kill(self) -> None:
        """Kill -9, at once. A second call does nothing."""
        if self._child is None:
            return
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
        self._ended()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self, within: float = PATIENCE) -> int:
        """SIGTERM; the exit code. Raises TimeoutExpired if it lives on for longer than `within` seconds."""
        self.signal(signal.SIGTERM)
        assert self._child is not None
        try:
            return self._child.wait(within)
        finally:
            self.kill()

    def threads(self, prefix: str = "") -> list[str]:
        """The names of its threads, as far as the system keeps them (15 characters)."""
        found = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found.append((task / "comm").read_text().strip())
        return [name for name in found if name.startswith(prefix)]

    def reload(self, config: str) -> None:
        """SIGHUP with another configuration; returns when it said what it makes of it."""
        self.configure(config)
        words = ("configuration read again", "configuration refused")
        before = len(self.said(*words))
        self.signal(signal.SIGHUP)
        self.wait(lambda: len(self.said(*words)) > before, "it reads its configuration again")

    def reload_by_lines(self, config: str, words: str) -> None:
        """The same where its lines are for people."""
        self.configure(config)
        self.signal(signal.SIGHUP)
        self.wait(lambda: any(words in line for line in self.output), words)

    def wait_end(self, within: float = PATIENCE) -> int:
        """Until it ends by itself; the exit code."""
        assert self._child is not None
        try:
            return self._child.wait(within)
        finally:
            self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _ended(self) -> None:
        assert self._child is not None
        self._child.wait()
        for reader in self._readers:
            reader.join()
        self._readers.clear()
        for stream in (self._child.stdout, self._child.stderr):
            if stream is not None:
                stream.close()

    def _read(self, stream: Any, keep: Callable[[str], None]) -> None:
        for line in stream:
            with self._said:
                keep(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._streams -= 1
            self._said.notify_all()

    def _line(self, text: str) -> None:
        self.output.append(text)
        try:
            self.log.append(json.loads(text))
        except ValueError:
            self.other.append(text)

    def _console(self, text: str) -> None:
        self.told.append(text)

    # ── what it says ──

    def said(self, *messages: str, **fields: object) -> list[Line]:
        """The log lines with one of these messages, and with these fields."""
        return [
            line
            for line in list(self.log)
            if line.get("message") in messages and all(line.get(k) == v for k, v in fields.items())
        ]

    def wait(self, seen: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
        """Until `seen` is true, asked again with each line; an AssertionError if it ends or takes too long."""
        with self._said:
            self._said.wait_for(lambda: seen() or not self._streams, patience)
            if not seen():
                raise AssertionError(f"{self._fate()}: {what}\n" + "\n".join([*self.output, *self.told][-60:]))

    def _fate(self) -> str:
        return "not in time" if self._streams else "it has ended"

    def wait_log(self, message: str, **fields: object) -> Line:
        """The first such line."""
        self.wait(lambda: self.said(message, **fields), f"it says {message!r} {fields or ''}")
        return self.said(message, **fields)[0]

    # ── what it serves ──

    @property
    def url(self) -> str:
        return str(self.said("started")[-1]["url"])

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)

    def get(self, path: str, token: str = "") -> tuple[int, str]:
        """Status and body."""
        connection = self.connect()
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float | None:
        """The sum of the series with these labels; None if there is none."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        found = [
            float(line.rpartition(" ")[2])
            for line in self.get("/metrics")[1].splitlines()
            if line.startswith((f"{name}{{", f"{name} ")) and all(one in line for one in wanted)
        ]
        return sum(found) if found else None

    def wait_metric(self, right: Callable[[float], bool], name: str, **labels: str) -> float:
        """Until the metric is there and `right`; its value."""
        found: list[float] = []

        def seen() -> bool:
            value = self.metric(name, **labels)
            if value is not None and right(value):
                found.append(value)
            return bool(found)

        self.wait_served(seen, f"{name} {labels}")
        return found[0]

    def wait_served(self, seen: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
        """Until `seen` is true of what it serves or left on disk, which nobody announces."""

        def probe() -> bool:
            assert self.alive, f"it has ended: {what}\n" + "\n".join(self.output[-60:])
            return bool(seen())

        try:
            until(probe, what, timeout=patience)
        except TimeoutError as late:
            late.add_note("\n".join(self.output[-60:]))
            raise
