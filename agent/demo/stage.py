"""The demo's processes as the demo sees them: started together, given their orders, ended with it."""

import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.demo.actors import CONFIGURATION, STATE
from agent.demo.story import Deed
from agent.errors import MqcanaryError

_STARTS = 60.0
"""Seconds that a process may take to start: a laptop does in two."""
_ENDS = 10.0
_TARGETS = 2

_TEMPLATE = resources.files("agent.demo").joinpath("demo.yaml").read_text("utf-8")


def configuration(bootstrap: str, sqs: str, slack: str, pace: float = 1.0) -> str:
    """The demo's own configuration, with the addresses of its servers.

    Lengths of time of the story are multiplied by `pace`; a deadline is for the machine, which is no faster than before.
    """
    text = _TEMPLATE.replace("127.0.0.1:9092", bootstrap)
    text = text.replace("http://127.0.0.1:4566", sqs).replace("http://127.0.0.1:8065/api/", slack)
    return re.sub(
        r"(?<!deadline: )\b(\d+)s\b",
        lambda length: f"{float(length[1]) * pace:.3f}".rstrip("0").rstrip(".") + "s",
        text,
    )


class Actor:
    """One process. Its standard input is the pipe that it ends with; Ctrl-C on the terminal does not reach it."""

    def __init__(self, part: str, *more: str) -> None:
        self.part = part
        self._lines: deque[str] = deque(maxlen=20)
        self.said: Counter[str] = Counter()
        """How often it said what."""
        self._where: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agent.demo.actors", part, *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=_environment(),
        )
        self._reader = threading.Thread(target=self._read, name=f"reads {part}", daemon=True)
        self._reader.start()

    def started(self) -> Mapping[str, Any]:
        """Where it listens.

        Raises:
            MqcanaryError: it did not start.
        """
        with suppress(queue.Empty):
            if where := self._where.get(timeout=_STARTS):
                return where
        raise self._failed("did not start")

    def check(self) -> None:
        """Raises a MqcanaryError if it has ended."""
        if self._process.poll() is not None:
            raise self._failed("ended")

    def tell(self, *order: str | int) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
        except OSError:
            raise self._failed("ended") from None

    def dismiss(self) -> None:
        """It ends by itself now."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def wait(self) -> None:
        try:
            self._process.wait(_ENDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_ENDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in self._process.stdout:
            self._lines.append(line)
            with suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    self.said[str(said.get("message"))] += 1
                    if said.get("message") == "started":
                        self._where.put(said)
        self._where.put(None)

    def _failed(self, how: str) -> MqcanaryError:
        self._reader.join(1)
        last = next((line.strip() for line in reversed(self._lines) if line.strip()), "it said nothing")
        return MqcanaryError(f"the demo's process {self.part} {how}: {last.removeprefix('mqcanary: ')}")


class Stage:
    """Everything but the Slack: a cluster, queues, and the agent that watches them and tells `slack` (a base URL).

    Raises:
        MqcanaryError: a process did not start, or the demo's extra is not installed.
    """

    def __init__(self, slack: str, pace: float = 1.0) -> None:
        if find_spec("moto") is None:
            raise MqcanaryError("the demo needs its extra: pip install 'mqcanary[demo]'")
        self._folder = Path(tempfile.mkdtemp(prefix="mqcanary-demo-"))
        self._actors: dict[str, Actor] = {}
        try:
            self._begin(slack, pace)
        except BaseException:
            self.close()
            raise

    def _begin(self, slack: str, pace: float) -> None:
        for part, more in (("agent", str(self._folder)), ("queues", f"{pace}"), ("cluster", f"{pace}")):
            self._actors[part] = Actor(part, more)
        self.bootstrap = str(self._actors["cluster"].started()["bootstrap"])
        self.sqs = str(self._actors["queues"].started()["url"])
        self.configuration = self._folder / CONFIGURATION
        self.configuration.write_text(configuration(self.bootstrap, self.sqs, slack, pace), "utf-8")
        self.state = self._folder / STATE
        self._actors["agent"].tell("run")
        self.url = str(self._actors["agent"].started()["url"])

    def do(self, deed: Deed) -> None:
        self._actors[deed.where].tell(deed.verb, *deed.about)

    def met(self) -> bool:
        """Whether the agent's first contact with cluster and queues is over."""
        return self._actors["agent"].said["contact"] >= _TARGETS

    def check(self) -> None:
        """Raises a MqcanaryError if one of the processes has ended."""
        for actor in self._actors.values():
            actor.check()

    def close(self) -> None:
        # The agent first: what it still has to send, and to look at, is there until then.
        for actor in self._actors.values():
            actor.dismiss()
            actor.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


def _environment() -> dict[str, str]:
    """Of the user's own nothing that leads elsewhere: no credentials, no proxy, no configuration."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MQCANARY_")) and not name.lower().endswith("_proxy")
    }
    return ours | {
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }
