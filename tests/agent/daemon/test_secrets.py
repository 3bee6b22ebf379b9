"""No secret is anywhere but where it is used: not in logs, files, metrics, pages or errors, whatever goes wrong."""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from agent.demo.cluster import SimulatedCluster
from agent.demo.slack import FakeSlack
from agent.demo.slack.workspace import Workspace
from tests.agent.collect.aws.gateway import Gateway, refuse
from tests.agent.daemon.harness import Agent
from tests.agent.daemon.scene import configuration, fail, mend, model
from tests.live.sqs import REGION, SqsServer

SASL, WRONG, TOKEN, HOOK, PAGE, BEAT, AWS = (
    "sasl-pass-41c7'\"&",
    "wrong-pass-93ab",
    "xoxb-token-77de1",
    "hook-path-5e21",
    "page-token-c09f",
    "beat-path-d8d8",
    "aws-secret-1b6e",
)
SECRETS = (SASL, WRONG, TOKEN, HOOK, PAGE, BEAT, AWS)


FAULTS: tuple[dict[str, Any], ...] = (
    {"error": "invalid_auth"},
    {"error": "channel_not_found"},
    {"error": "invalid_blocks"},
    {"drop": "before"},
    {"html": True},
    {"status": 500, "body": f"who sends {TOKEN} to {HOOK}?"},
    {"status": 429, "retry_after": TOKEN},
)


def forms(secret: str) -> Iterator[bytes]:
    """How it would look where somebody wrote it down."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield repr(secret)[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")[:-2]


def found_in(content: bytes) -> list[str]:
    return [secret for secret in SECRETS if any(form in content for form in forms(secret))]


@dataclass
class Scene:
    agent: Agent
    cluster: SimulatedCluster
    slack: FakeSlack
    config: str


@pytest.fixture
def scene(aws: SqsServer, tmp_path: Path) -> Iterator[Scene]:
    """Everything that has a secret, each given in another way."""
    workspace = Workspace()
    workspace.add_token(TOKEN)
    for number in range(len(FAULTS)):
        workspace.add_channel(f"c-{number}")
    webhook = workspace.add_webhook("c-0")
    del workspace.webhooks[webhook.path]
    webhook.path = f"T0/B0/{HOOK}"
    workspace.webhooks[webhook.path] = webhook
    known = model("orders", "payments")
    known.users = {"mqcanary": SASL}
    aws.reset()
    with ExitStack() as stack:
        cluster = stack.enter_context(SimulatedCluster(known))
        slack = stack.enter_context(FakeSlack(workspace))
        gateway = stack.enter_context(Gateway(aws.port))
        gateway.hooks["ListQueues"] = refuse("InvalidClientTokenId")
        nobody = stack.enter_context(socket.socket())
        nobody.bind(("127.0.0.1", 0))
        (tmp_path / "hook-url").write_text(f"http://127.0.0.1:{urlsplit(slack.url).port}/services/{webhook.path}\n")
        (tmp_path / "page-token").write_text(PAGE)

        def target(name: str, password: str) -> dict[str, object]:
            security = {"protocol": "SASL_PLAINTEXT", "mechanism": "SCRAM-SHA-256", "username": "mqcanary"}
            return {"name": name, "bootstrap": cluster.bootstrap, "security": {**security, "password": password}}

        config = configuration(
            (),
            kafka=[target("prod", "${KAFKA_PASSWORD}"), target("locked", WRONG)],
            sqs=[{"region": REGION, "name": "queues", "endpoint_url": gateway.url}],
            listen={"address": "127.0.0.1:0", "token": {"file": "page-token"}},
            slack={"token": "${SLACK_TOKEN}", "base_url": slack.url},
            webhooks={"mail": {"url": {"file": "hook-url"}}},
            route={"to": [*(f"slack:#c-{n}" for n in range(len(FAULTS))), "webhook:mail"]},
            heartbeat={"url": f"http://127.0.0.1:{nobody.getsockname()[1]}/{BEAT}", "every": "0.2s"},
        )
        keys = {"KAFKA_PASSWORD": SASL, "SLACK_TOKEN": TOKEN, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": AWS}
        agent = stack.enter_context(Agent(tmp_path, config, env=keys))
        yield Scene(agent, cluster, slack, config)


def test_no_secret_is_written_anywhere(scene: Scene) -> None:
    agent, slack = scene.agent, scene.slack
    agent.start()
    for number, fault in enumerate(FAULTS):
        slack.fault("chat.postMessage", f"c-{number}", **fault)
    slack.fault("webhook", status=404, body=f"no {HOOK} here")
    fail(scene.cluster, "orders")
    agent.wait(lambda: len(agent.said("not told")) >= len(FAULTS) + 1, "each fails in another way")
    slack.clear_faults()
    agent.wait_log("no heartbeat")
    # Configurations that are refused, with secrets where they do not belong.
    for wrong in (
        {"slack": {"token": [TOKEN]}},
        {"slack": {"token": TOKEN, "tokn": TOKEN}},
        {"webhooks": {"mail": {"url": {"fil": HOOK}}}},
        {"kafka": [{"bootstrap": "127.0.0.1:1", "security": {"protocol": "PLAINTEXT", "password": SASL}}]},
        {"heartbeat": {"url": f"http://127.0.0.1:1/{BEAT} \t", "every": "0.2s"}},
    ):
        agent.reload(json.dumps(json.loads(scene.config) | wrong))
    assert agent.said("configuration refused")
    agent.reload(scene.config)
    mend(scene.cluster, "orders")
    agent.wait_log("resolved")
    served = [
        agent.get(path, token)[1] for path in ("/metrics", "/", "/readyz", "/healthz") for token in ("", PAGE, BEAT)
    ]
    assert "locked" in served[4], "what is shown speaks of the target that refuses us"
    agent.kill()
    written = {str(path): path.read_bytes() for path in agent.state.rglob("*") if path.is_file()}
    assert {Path(name).name for name in written} >= {"state.db", "history.db", "view.json"}
    written |= {"output": "\n".join([*agent.output, *agent.told]).encode(), "served": "\n".join(served).encode()}
    assert agent.other == []
    assert {name: found for name, content in written.items() if (found := found_in(content))} == {}


def test_secrets_are_found_where_they_are() -> None:
    """The search itself finds them in each form."""
    for secret in SECRETS:
        for form in forms(secret):
            assert secret in found_in(b"so " + form + b" is it")
