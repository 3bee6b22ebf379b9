"""--owner and --group-by, through the command."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent import snapshot as files
from agent.cli import cli
from agent.errors import ConfigError
from checks.facts import Unknown, Why, unseen_sqs
from tests.checks.examples import queue, sqs

DENIED = Unknown(Why.DENIED, "access denied", "grant it")
CONFIG = """owners:
- {resources: "sqs://*/queues/pay-*", owner: payments}
- {resources: "sqs://*/queues/pay-out", owner: treasury}
"""
Audit = Callable[..., Result]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    def run(*words: str, config: str = CONFIG, away: bool = False) -> Result:
        tagged = replace(queue("tagged", sse=False), tags={"owner": "shipping"})
        seen = sqs(*(queue(name, sse=False) for name in ("pay-in", "pay-out", "untold")), tagged)
        seen = replace(seen, queues=replace(seen.queues, items={**seen.queues.items, "pay-hidden": DENIED}))
        (tmp_path / "s.json").write_text(files.dumps([seen, *([unseen_sqs("us-east-1", 1.0, DENIED)] if away else ())]))
        (tmp_path / "m.yaml").write_text(config)
        given = ["--from", f"{tmp_path}/s.json", "--config", f"{tmp_path}/m.yaml", "--only", "sqs/encryption-off"]
        return CliRunner().invoke(cli, ["audit", *given, *words])

    return run


@pytest.mark.parametrize(
    ("glob", "names", "gaps"),
    [
        ("payments", {"pay-in"}, {"pay-hidden"}),
        ("t*", {"pay-out"}, set()),
        ("shipping", {"tagged"}, set()),
        ("", {"untold"}, set()),
        ("*", {"pay-in", "pay-out", "tagged", "untold"}, {"pay-hidden"}),
    ],
)
def test_only_what_an_owner_owns(audit: Audit, glob: str, names: set[str], gaps: set[str]) -> None:
    document = json.loads(audit("--owner", glob, "--format", "json").stdout)
    assert {finding["resource"].rpartition("/")[2] for finding in document["findings"]} == names
    assert {gap["resource"].rpartition("/")[2] for gap in document["gaps"]} == gaps
    assert all(finding["owner"] in {"payments", "treasury", "shipping", None} for finding in document["findings"])


def test_an_owner_of_nothing_is_no_pass(audit: Audit) -> None:
    done = audit("--owner", "paymnts")
    assert str(done.exception) == "--owner paymnts matches no owner; there are payments, shipping, treasury"
    assert isinstance(done.exception, ConfigError)
    assert audit("--owner", "paymnts", away=True).exit_code == 3  # its queues may be among those unseen


def test_what_is_left_out_is_said(audit: Audit) -> None:
    text = " ".join(audit("--owner", "payments").stdout.split())
    assert "Only what owner payments owns: 3 findings of others left out" in text


@pytest.mark.parametrize(
    ("by", "titles"),
    [
        ("owner", ["owner not known", "owner payments", "owner shipping", "owner treasury"]),
        ("check", ["sqs/encryption-off"]),
        ("severity", ["warning"]),
    ],
)
def test_findings_are_told_by_what_they_share(audit: Audit, by: str, titles: list[str]) -> None:
    text = audit("--group-by", by, away=True).stdout
    lines = text[: text.index("sqs://prod  observed")].splitlines()
    assert [line for line in lines if line in titles] == titles, text
    assert text.count("queue pay-in  on sqs://prod") == 1
    assert "could not be observed" in text
    assert "leave it out with --format json" in str(audit("--group-by", by, "--format", "json").exception)
