"""The commands against an agent elsewhere: the same words, the same answers, over the API."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.web.api import ApiOptions
from tests.agent.cli.conftest import Ran, Run
from tests.agent.door.agent import alert, state_of
from tests.agent.door.served import OPERATE, READ, Served, served
from tests.live.certs import Certs

NOW = 1_800_000_000.0
STATE = state_of(alert("a1b2c3", now=NOW))


def elsewhere(run: Run, api: Served, *words: str, token: Path | None = None) -> Ran:
    done = run(*words, "--url", api.url, "--token-file", token or api.operate)
    assert not any(secret in done.out + done.err for secret in (READ, OPERATE))
    return done


def test_a_deploy_job_elsewhere_silences(run: Run, tmp_path: Path) -> None:
    with served(tmp_path, STATE) as api:
        added = elsewhere(
            run, api, "silence", "add", "kafka://prod/groups/pay*", "--for", "30m", "--comment", "deploy 42"
        )
        assert (added.code, added.err) == (0, "")
        (made,) = api.agent.state.silences.values()
        assert added.out.endswith(f": kafka://prod/groups/pay* (silence {made.id}; 1 alert that fires now)\n")
        assert "@" in made.by, "who asked, not the role of the token"
        assert made.comment == "deploy 42"
        assert f"{made.id}  kafka://prod/groups/pay*" in elsewhere(run, api, "silence", "list", token=api.read).out
        assert elsewhere(run, api, "silence", "expire", made.id).code == 0
        assert api.agent.state.silences == {}


def test_every_command_goes_there(run: Run, tmp_path: Path) -> None:
    about = "kafka/group-lagging on kafka://prod/groups/payments"
    with served(tmp_path, STATE) as api:
        assert json.loads(elsewhere(run, api, "alerts", "--format", "json", token=api.read).out)[0]["id"] == "a1b2c3"
        assert elsewhere(run, api, "alerts", "ack", "a1b2c3").out == f"acknowledged until it ends: {about}\n"
        assert elsewhere(run, api, "alerts", "unack", "a1b2c3").out == f"no longer acknowledged: {about}\n"
        assert elsewhere(run, api, "notify", "test").out == "told console\n", "the agent knows where to"
        assert elsewhere(run, api, "outbox", "list").out.startswith("nothing waits to be sent; last change ")
        assert elsewhere(run, api, "outbox", "retry").out == "nothing is parked or held up\n"


def test_refusals_are_in_the_words_of_the_command_line(run: Run, tmp_path: Path) -> None:
    with served(tmp_path, STATE) as api:
        wrong = elsewhere(run, api, "alerts", "ack", "a1b2c4", "--for", "4h")
        assert (wrong.code, wrong.err) == (
            2,
            'mqcanary: ALERT: there is no alert "a1b2c4"; did you mean "a1b2c3"?\n',
        )
        time = elsewhere(run, api, "silence", "add", "kafka://prod", "--for", "2")
        assert (time.code, time.err) == (2, 'mqcanary: --for: "2" is not a duration; write 2s or 2m\n')
        denied = elsewhere(run, api, "silence", "add", "kafka://prod", token=api.read)
        assert denied.code == 2
        assert denied.err == (
            f"mqcanary: {api.url} says: this token may read, not operate: give its operate token (--token-file)\n"
        )
        api.read.write_text("another")
        assert elsewhere(run, api, "alerts", token=api.operate).code == 0
        api.operate.write_text("rotated")
        assert elsewhere(run, api, "alerts").code == 0, "read again by both sides"


def test_the_environment_names_it(run: Run, tmp_path: Path) -> None:
    with served(tmp_path, STATE) as api:
        done = run("alerts", MQCANARY_URL=api.url, MQCANARY_TOKEN_FILE=api.read)
        assert "a1b2c3" in done.out


def test_a_certificate_of_ones_own_is_trusted_by_the_usual_variable(tmp_path: Path) -> None:
    certs = Certs.make(tmp_path)
    with served(tmp_path, STATE, ApiOptions(certificate=certs.server_keystore)) as api:
        words = ["alerts", "--url", api.url, "--token-file", str(api.read)]
        argv = [sys.executable, "-c", "from agent.cli import main; main()", *words]
        trusting = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={"SSL_CERT_FILE": str(certs.ca)}
        )
        assert (trusting.returncode, trusting.stderr) == (0, "")
        assert "a1b2c3" in trusting.stdout
        wary = subprocess.run(argv, capture_output=True, text=True, check=False, env={})
        assert (wary.returncode, wary.stdout) == (2, "")
        assert "certificate verify failed" in wary.stderr
        assert wary.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--url", "http://127.0.0.1:1"), "--url needs --token-file FILE: a token of that agent's configuration (api:)"),
        (("--token-file", "t"), "--token-file is for --url: name the agent elsewhere, or leave it out"),
        (("--url", "http://127.0.0.1:1", "--token-file", "t", "--state", "s"), "--url and --state name two agents: leave one out (also MQCANARY_URL, MQCANARY_STATE)"),
        (("--url", "127.0.0.1:1", "--token-file", "t"), "--url: what is given is not a URL: write https://mqcanary.example:9189, without user or password"),
        (("--url", "http://127.0.0.1:1", "--token-file", "/dev/null/t"), "file /dev/null/t is not a file: mount the secret there, or name another path"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(run: Run, words: tuple[str, ...], told: str) -> None:
    done = run("alerts", *words)
    assert (done.code, done.out, done.err) == (2, "", f"mqcanary: {told}\n")
