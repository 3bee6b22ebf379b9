"""The API of an agent, served on a free port."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.secret import Secret
from agent.web.api import ApiOptions, ApiServer
from alerts.model import State
from tests.agent.door.agent import POLICY, Agent, agent

READ, OPERATE = "read-token-1f8a", "operate-token-9c2d"


@dataclass
class Served:
    agent: Agent
    server: ApiServer
    read: Path
    """The file of the token that may read."""
    operate: Path

    @property
    def url(self) -> str:
        return self.server.url.rstrip("/")


@contextmanager
def served(folder: Path, state: State | None = None, options: ApiOptions | None = None) -> Iterator[Served]:
    """`folder` gets the state directory and two token files."""
    read, operate = folder / "read", folder / "operate"
    read.write_text(f"{READ}\n")
    operate.write_text(f"{OPERATE}\n")
    where = options or ApiOptions()
    tokens = replace(where, read_token=Secret.file(read), operate_token=Secret.file(operate))
    with agent(folder / "state", state) as running:
        server = ApiServer(tokens, lambda: running.view, folder / "state", lambda: POLICY)
        server.start()
        try:
            yield Served(running, server, read, operate)
        finally:
            server.stop()
