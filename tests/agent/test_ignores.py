"""Ignores of a configuration, through the command."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from agent import snapshot as files
from agent.cli import cli
from agent.report.json import schema
from checks.ignores import TAG
from tests.checks.examples import queue, sqs


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "s.json"
    path.write_text(files.dumps([sqs(queue("orders"), queue("e\x1b[31mvil"))]))
    return str(path)


def audited(saved: str, tmp_path: Path, ignores: str, *words: str) -> Result:
    config = tmp_path / "m.yaml"
    config.write_text(f"ignore:\n{ignores}\n")
    return CliRunner().invoke(
        cli, ["audit", "--from", saved, "--config", str(config), "--only", "sqs/dlq-missing", *words]
    )


def test_ignored_is_counted_listed_and_does_not_fail(saved: str, tmp_path: Path) -> None:
    ignores = "- {checks: sqs/dlq-missing, reason: known, until: 2027-01-20}"
    done = audited(saved, tmp_path, ignores, "--fail-on", "info")
    assert (done.exit_code, done.exception is None or isinstance(done.exception, SystemExit)) == (0, True)
    assert "2 ignored, 2 expire in 5 d" in " ".join(done.output.split())
    document = json.loads(audited(saved, tmp_path, ignores, "--format", "json").output)
    jsonschema.validate(document, schema())
    assert {one["reason"] for one in document["ignored"]} == {"known"}
    assert (document["findings"], document["summary"]["ignored"]) == ([], 2)


def test_what_is_over_and_what_meets_nothing_is_said(saved: str, tmp_path: Path) -> None:
    ignores = (
        '- {checks: sqs/dlq-missing, resources: "sqs://*/queues/orders", reason: a, until: 2020-01-01}\n'
        '- {checks: sqs/dlq-missing, resources: "sqs://*/queues/nobody", reason: b}\n'
        "- {checks: kafka/dlq-missing, reason: no check of these ran}"
    )
    told = json.loads(audited(saved, tmp_path, ignores, "--format", "json").output)["remarks"]
    assert told == [
        "m.yaml:2: the ignore of sqs/dlq-missing ended after 2020-01-01: 1 finding came back",
        "m.yaml:3: ignores nothing; delete it, or mend its checks and resources",
    ]


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("sqs/dlq-missing reason=known", None),
        ("all until=2027-03-01 reason=known", None),
        ("sqs/dlq-missing", "it gives no reason; end it with reason=why you live with it"),
        ("all reason= ", "it gives no reason; end it with reason=why you live with it"),
        (
            "sqs/dlq-missing kafka/dlq-missing sqs/dlq-target-mising nothing reason=known",
            (
                "kafka/dlq-missing is no check of queues (did you mean sqs/dlq-missing?); "
                "sqs/dlq-target-mising is no check of queues (did you mean sqs/dlq-target-missing?); "
                "nothing is no check of queues (see: mqcanary checks list)"
            ),
        ),
        (
            "sqs/dlq-missing kafka/",
            "kafka/ is no check of queues (see: mqcanary checks list); it gives no reason; end it with reason=why you live with it",
        ),
    ],
)
def test_a_tag_without_a_reason_or_with_a_strange_check_counts_and_is_said(
    tmp_path: Path, tag: str, told: str | None
) -> None:
    path = tmp_path / "s.json"
    queues = [replace(queue(name), tags={TAG: tag}) for name in ("orders", "inventory", "invoices")]
    path.write_text(files.dumps([sqs(*queues)]))
    words = ["audit", "--from", str(path), "--only", "sqs/dlq-missing"]
    document = json.loads(CliRunner().invoke(cli, [*words, "--format", "json"]).output)
    assert (document["findings"], len(document["ignored"])) == ([], 3)
    assert document["remarks"] == (
        [f"sqs://prod/queues/inventory and 2 more queues: tag {TAG}: {told}"] if told else []
    )
    text = " ".join(CliRunner().invoke(cli, words).output.split())
    assert ("Ignores to look at" in text) == (told is not None)
    assert told is None or told in text


@pytest.mark.parametrize(
    ("ignores", "told"),
    [
        ("- {checks: sqs/dlq-missing}", "m.yaml:2: ignore[0].reason: missing"),
        ("- {checks: sqs/dlq-mising, reason: a}", 'did you mean "sqs/dlq-missing"?'),
        ("- {checks: sqs/*, reason: a, until: soon}", '"soon" is no date; write 2027-01-31'),
    ],
)
def test_mistakes_are_told(saved: str, tmp_path: Path, ignores: str, told: str) -> None:
    done = audited(saved, tmp_path, ignores)
    assert told in str(getattr(done.exception, "lines", done.exception))


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ((), [2, 3, 4]),
        (("sqs://prod/queues/orders",), [2, 4]),
        (("sqs://prod/queues/other",), [4]),
    ],
)
def test_explain_shows_the_ignores_that_touch_a_check(tmp_path: Path, words: tuple[str, ...], lines: list[int]) -> None:
    config = tmp_path / "m.yaml"
    config.write_text(
        "ignore:\n"
        '- {checks: sqs/dlq-missing, resources: "sqs://*/queues/orders", reason: "replayed by hand", until: 9999-12-30}\n'
        '- {checks: sqs/*, resources: "sqs://*/queues/more", reason: b}\n'
        "- {checks: sqs/*, reason: c, until: 2020-01-01}\n"
        "- {checks: kafka/*, reason: another check}\n"
    )
    told = {
        2: "ignored: sqs://*/queues/orders until 9999-12-30: replayed by hand  (m.yaml:2)",
        3: "ignored: sqs://*/queues/more: b  (m.yaml:3)",
        4: "ignored: all resources until 2020-01-01, which is over: c  (m.yaml:4)",
    }
    done = CliRunner().invoke(cli, ["checks", "explain", "sqs/dlq-missing", *words, "--config", str(config)])
    assert [line for line in done.output.splitlines() if line.startswith("ignored")] == [told[line] for line in lines]
