"""mqcanary health: what a container engine asks every half minute, in the container's own memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.store.place import tell_url
from agent.view import View
from agent.web import WebOptions
from tests.agent.conftest import Run
from tests.agent.web.conftest import Serve
from tests.checks.examples import AT
from tests.live.certs import Certs
from tests.live.process import Process, free_port, until


def test_one_that_works(serve: Serve, mqcanary: Run, tmp_path: Path) -> None:
    tell_url(tmp_path, serve().url)
    done = mqcanary("health", "--state", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_one_whose_judge_is_stuck(serve: Serve, mqcanary: Run, tmp_path: Path) -> None:
    tell_url(tmp_path, serve(View(at=AT, judged=AT - 595, started=AT - 900)).url)
    done = mqcanary("health", MQCANARY_STATE=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "mqcanary: the judge has finished nothing for 10 min\n"


def test_a_certificate_that_nothing_here_trusts_is_no_illness(serve: Serve, mqcanary: Run, tmp_path: Path) -> None:
    url = serve(options=WebOptions(certificate=Certs.make(tmp_path).server_keystore)).url
    assert url.startswith("https:")
    tell_url(tmp_path, url)
    done = mqcanary("health", "--state", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


def test_one_whose_configuration_was_spoilt_on_disk(serve: Serve, mqcanary: Run, tmp_path: Path) -> None:
    """It works by the one before; a probe that failed would end it, and it could not start again."""
    config = tmp_path / "mqcanary.yaml"
    config.write_text("kafak: []\nstate: .\n")
    tell_url(tmp_path, serve().url)
    done = mqcanary("health", "--config", str(config))
    assert (done.returncode, done.stdout) == (0, "ok\n")
    assert done.stderr.startswith(f"mqcanary: {config} has mistakes (mqcanary config check {config} shows them); ")


def test_one_that_is_gone_is_told_by_its_address(mqcanary: Run, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    tell_url(tmp_path, url)
    done = mqcanary("health", "--state", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"mqcanary: {url} does not answer (Connection refused)\n"


def test_where_none_has_ever_been(mqcanary: Run, tmp_path: Path) -> None:
    done = mqcanary("health", "--state", str(tmp_path))
    assert done.returncode == 1  # 2 is Docker's own
    assert done.stderr.startswith(f"mqcanary: no agent has begun in {tmp_path}: ")


def test_a_full_disk_leaves_the_address_of_the_last_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_url(tmp_path, "http://127.0.0.1:1/")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_text", full)
    tell_url(tmp_path, "http://127.0.0.1:2/")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("url", "http://127.0.0.1:1/\n")]


def test_the_daemon_tells_where_it_listens(mqcanary: Run, tmp_path: Path) -> None:
    """Also where only the configuration names the state directory."""
    url, config = f"127.0.0.1:{free_port()}", tmp_path / "mqcanary.yaml"
    config.write_text(
        f"kafka: [{{name: away, bootstrap: ['127.0.0.1:{free_port()}']}}]\nlisten: {{address: '{url}'}}\nstate: state\n"
    )
    argv = [sys.executable, "-c", "from agent.cli import main; main()", "run", "--config", str(config)]
    with Process("mqcanary", argv, tmp_path / "log") as agent:

        def well() -> subprocess.CompletedProcess[str] | None:
            agent.check()
            done = mqcanary("health", "--config", str(config))
            return done if done.returncode == 0 else None

        assert until(well, "it works").stdout == "ok\n"
        assert (tmp_path / "state/url").read_text() == f"http://{url}/\n"


def test_it_is_light(tmp_path: Path) -> None:
    """It runs in the container's memory, beside the agent: 20 MB, not the 50 of reading a configuration."""
    script = "import sys; from agent.cli import obey; obey(); print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script, "health", "--state", str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "agent.store.place" in done.stdout.split()
    assert not {"pydantic", "cattrs", "numpy", "yaml", "flask", "structlog", "kafka"} & set(done.stdout.split())
