"""The image, built and run as deploy/image.sh does it: read-only, without any capability, in 160 MB.

It takes minutes and root, so it belongs to `make soak`. Its targets are the simulated cluster and
moto's queues, on 127.0.0.1 as all else.
"""

import contextlib
import http.client
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.demo.cluster import Member, SimulatedCluster, brokers
from tests.live.process import free_port, until
from tests.live.sqs import REGION, SqsServer

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "deploy/image.sh"
IMAGE = "localhost/mqcanary:test"
BASE = "localhost/mqcanary-base"
MEMORY = 160 * 1024 * 1024

pytestmark = pytest.mark.soak

# For the whole file, so that it is one line.
_MISSING = [tool for tool in ("buildah", "podman", "runc", "mmdebstrap") if shutil.which(tool) is None]
if _MISSING:
    pytest.skip(f"the image's tests need the packages {', '.join(_MISSING)}", allow_module_level=True)
if os.geteuid() != 0:
    pytest.skip("the image's tests need root: there is no Docker engine", allow_module_level=True)

Start = Callable[..., "Container"]


def script(*words: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False, timeout=900)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}"[-5000:])
    return done


class Container:
    """A container of the image, until it is removed."""

    def __init__(self, *options: str | Path, words: tuple[str, ...] = ()) -> None:
        self.name = f"mqcanary-test-{secrets.token_hex(4)}"
        script("run", "--detach", "--name", self.name, *options, IMAGE, *words)

    def podman(self, command: str, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return script("podman", *command.split(), self.name, *words, check=check)

    def inspect(self, what: str) -> str:
        return script("podman", "inspect", "--format", what, self.name).stdout.strip()

    def running(self) -> bool:
        return self.inspect("{{.State.Running}}") == "true"

    def healthy(self) -> bool:
        return self.podman("healthcheck run", check=False).returncode == 0

    def sh(self, line: str) -> str:
        return self.podman("exec", "sh", "-c", line).stdout

    def logs(self) -> str:
        done = self.podman("logs")
        return done.stdout + done.stderr

    def stop(self) -> int:
        """Its exit code; 137 if it had to be killed, which happens after 8 s."""
        script("podman", "stop", "--time", "8", self.name)
        return int(self.inspect("{{.State.ExitCode}}"))

    def remove(self) -> None:
        script("podman", "rm", "--force", "--volumes", "--time", "0", self.name)


@pytest.fixture(scope="module", autouse=True)
def image() -> Iterator[None]:
    """The base is kept in .cache, as it takes longer than all else; what was built on it is not."""
    if script("podman", "image", "exists", BASE, check=False).returncode:
        script("base")
    script("build", IMAGE)
    yield
    script("podman", "image", "rm", IMAGE)
    script("podman", "image", "prune", "--force")


@pytest.fixture
def start() -> Iterator[Start]:
    with contextlib.ExitStack() as started:

        def begin(*options: str | Path, words: tuple[str, ...] = ()) -> Container:
            container = Container(*options, words=words)
            started.callback(container.remove)
            return container

        yield begin


class Agent:
    """The agent in a container, watching a cluster with a group that is late, and queues."""

    def __init__(self, start: Start, folder: Path, cluster: SimulatedCluster, sqs: SqsServer) -> None:
        self.port = free_port()
        bootstrap = ", ".join(cluster.bootstrap.split(","))
        (folder / "mqcanary.yaml").write_text(
            f"kafka: [{{name: prod, bootstrap: [{bootstrap}]}}]\n"
            f"sqs: [{{name: prod, region: {REGION}}}]\n"
            f"every: 1s\nlisten: {{address: '127.0.0.1:{self.port}'}}\n"
            "alerts: {gather: 1s}\n"
        )
        folder.chmod(0o755)  # for its user, who is not root
        given = {"AWS_ENDPOINT_URL": sqs.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        environment = (word for name, value in given.items() for word in ("--env", f"{name}={value}"))
        self.container = start("--volume", f"{folder}:/etc/mqcanary:ro", *environment)

    def get(self, path: str) -> tuple[int, str]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(link):
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read().decode()

    def shows(self, line: str) -> None:
        """Waits until a line of the metrics matches."""

        def look() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, body = self.get("/metrics")
                return status == http.HTTPStatus.OK and re.search(f"^{line}$", body, re.MULTILINE) is not None
            return False

        try:
            until(look, f"/metrics shows {line}", every=0.2)
        except TimeoutError as late:
            late.add_note(self.container.logs()[-3000:])
            raise


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    model = brokers(3)
    model.clock = time.time
    for partition in model.add_topic("orders", 4, 3).partitions:
        partition.append(1000, time.time() - 1500)
    member = Member("m-1", subscription=("orders",), assignment={"orders": (0, 1, 2, 3)})
    model.add_group("billing", {("orders", p): 250 for p in range(4)}, state="Stable", members=[member])
    with SimulatedCluster(model) as running:
        yield running


@pytest.fixture(scope="module")
def sqs() -> Iterator[SqsServer]:
    with SqsServer() as server:
        server.client().create_queue(QueueName="invoices")
        yield server


@pytest.fixture
def agent(start: Start, cluster: SimulatedCluster, sqs: SqsServer, tmp_path: Path) -> Agent:
    return Agent(start, tmp_path, cluster, sqs)


LAG = re.escape('mqcanary_group_lag_records{target="kafka://prod",group="billing",topic="orders"} 3000')
QUEUE = re.escape('mqcanary_queue_visible_messages{target="sqs://prod",queue="invoices"} 0')
LOOKS = 'mqcanary_target_looks_total{target="kafka://prod"}'


def test_it_watches_and_ends_when_it_is_told_to(agent: Agent) -> None:
    agent.shows(LAG)
    agent.shows(QUEUE)
    assert agent.get("/healthz") == (200, "ok\n")
    assert agent.container.healthy()
    with socket.create_connection(("127.0.0.1", agent.port)):  # a scraper that has come and says nothing
        assert agent.container.stop() == 0
    assert '"message": "stopped"' in agent.container.logs().splitlines()[-1]
    assert agent.container.inspect("{{.State.OOMKilled}}") == "false"


def test_it_tells_and_knows_after_a_restart_what_it_told(agent: Agent) -> None:
    def told() -> int:
        return len(re.findall("group billing is [^:]* behind", agent.container.logs()))

    until(told, "the late group is told", every=0.3)
    assert agent.container.stop() == 0
    agent.container.podman("start")
    agent.shows(re.escape(LOOKS) + r" ([3-9]|\d\d+)")
    assert told() == 1


def test_an_agent_that_hangs_is_ill(agent: Agent) -> None:
    agent.shows(LAG)
    agent.container.podman("kill --signal STOP")
    try:
        assert not agent.container.healthy()
    finally:
        agent.container.podman("kill --signal CONT")
    assert agent.container.healthy()


def test_it_has_no_rights_and_no_tools(agent: Agent) -> None:
    agent.shows(LAG)
    agent.shows(QUEUE)
    status = dict(line.split(":\t", 1) for line in agent.container.sh("cat /proc/1/status").splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert {name: int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == dict.fromkeys(
        ("CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
    )
    assert status["NoNewPrivs"] == "1"
    assert int(status["VmHWM"].split()[0]) * 1024 < MEMORY
    limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    assert int(agent.container.sh(limit)) == MEMORY
    writable = agent.container.sh(
        'find / -xdev -type d -writable 2>/dev/null | while read -r d; do touch "$d/.t" 2>/dev/null && echo "$d"; done'
    )
    assert writable.split() == ["/var/lib/mqcanary"]
    tools = "pip pip3 uv gcc cc c++ make ld git curl wget"
    assert agent.container.sh(f"command -v {tools}; true") == ""


def test_it_ends_while_it_starts(start: Start, tmp_path: Path) -> None:
    """As process 1 it gets no signal that it doesn't handle: here it waits for an answer, before any agent is."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        port = silent.getsockname()[1]
        tmp_path.chmod(0o755)
        (tmp_path / "url").write_text(f"http://127.0.0.1:{port}/\n")
        container = start(
            "--volume",
            f"{tmp_path}:/state:ro",
            "--env",
            "MQCANARY_STATE=/state",
            words=("health", "--timeout", "600"),
        )
        client, _ = silent.accept()
        with client:
            assert container.stop() == 128 + 15


def test_a_mistake_is_one_line_and_code_2(start: Start, tmp_path: Path) -> None:
    nothing = start()
    until(lambda: not nothing.running(), "it ends", every=0.2)
    assert nothing.inspect("{{.State.ExitCode}}") == "2"
    assert nothing.logs() == "mqcanary: /etc/mqcanary/mqcanary.yaml is not there: mqcanary config init\n"

    (tmp_path / "mqcanary.yaml").write_text("kafka: [{bootstrap: ['127.0.0.1:1']}]\n")
    (tmp_path / "state").mkdir(mode=0o700)  # root's
    tmp_path.chmod(0o755)
    volumes = ("--volume", f"{tmp_path}:/etc/mqcanary:ro", "--volume", f"{tmp_path}/state:/var/lib/mqcanary")
    denied = start(*volumes)
    until(lambda: not denied.running(), "it ends", every=0.2)
    assert denied.inspect("{{.State.ExitCode}}") == "2"
    (line,) = denied.logs().splitlines()
    assert line.startswith("mqcanary: state directory /var/lib/mqcanary can't be used (Permission denied)")
