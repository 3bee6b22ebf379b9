"""Which gaps fail an audit: those that somebody could close now."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent import snapshot as files
from agent.cli import cli
from checks.facts import KafkaSnapshot, Listing, Unknown, Why
from tests.checks.examples import group, kafka, sqs, topic

ESTATE = kafka([topic("orders")], [group("app")], committed={"app": {("orders", 0): 50}})
DENIED = Unknown(Why.DENIED, "denied", "grant it")
HIDDEN = replace(ESTATE, groups=Listing(ESTATE.groups.items, (DENIED,)))
UNREAD = replace(ESTATE, groups=Listing({"app": DENIED}))


@pytest.mark.parametrize(
    ("snapshot", "only", "whys", "code"),
    [
        (ESTATE, "kafka/offline-partition", {"unsupported"}, 0),  # the list of topics
        (ESTATE, "kafka/hot-key", {"unsupported", "off"}, 0),  # nobody asked for samples
        (ESTATE, "kafka/offset-rewound", {"unsupported", "young"}, 0),
        (HIDDEN, "kafka/offline-partition", {"unsupported", "denied"}, 1),
        (UNREAD, "kafka/group-lagging", {"unsupported", "denied"}, 1),
    ],
)
def test_a_gap_fails_where_somebody_could_close_it(
    tmp_path: Path, snapshot: KafkaSnapshot, only: str, whys: set[str], code: int
) -> None:
    path = tmp_path / "s.json"
    path.write_text(files.dumps([snapshot]))
    words = ["audit", "--from", str(path), "--only", only, "--format", "json", "--fail-on", "never"]
    done = CliRunner().invoke(cli, [*words, "--fail-on-gap"])
    document = json.loads(done.output)
    assert {gap["why"] for gap in document["gaps"]} == whys
    assert done.exit_code == code == any(gap["counts"] for gap in document["gaps"])
    assert document["summary"]["gaps"] == sum(gap["counts"] for gap in document["gaps"])
    assert CliRunner().invoke(cli, words).exit_code == 0


def test_tags_that_nobody_asked_for_are_no_gap_and_the_help_says_what_counts(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(files.dumps([sqs()]))
    assert CliRunner().invoke(cli, ["audit", "--from", str(path), "--fail-on-gap"]).exit_code == 0
    told = " ".join(CliRunner().invoke(cli, ["audit", "--help"]).output.split())
    for words in (
        "denied, unreachable, deadline or unsupported",
        "more polls (young)",
        "not asked for (off)",
        "list of topics",
    ):
        assert words in told
