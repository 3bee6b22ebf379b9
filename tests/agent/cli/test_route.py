"""mqcanary route explain."""

from pathlib import Path

import pytest

from tests.agent.cli.conftest import Run

CONFIG = """\
kafka: [{name: prod, bootstrap: [127.0.0.1:1]}]
slack: {token: x}
webhooks: {hook: {url: "https://hooks.example/x"}}
owners:
  - {resources: "kafka://*/groups/pay*", owner: payments}
limits:
  - {checks: kafka/group-lagging, resources: "kafka://prod/groups/off*", off: true}
  - {checks: kafka/group-lagging, resources: "kafka://prod/groups/paywall", severity: critical}
route:
  to: "slack:#all"
  repeat: {critical: 1h}
  routes:
    - {resources: "kafka://staging", to: console}
    - owner: payments
      to: "slack:#pay"
      routes:
        - {severity: critical, to: ["slack:#page", "webhook:hook"], repeat: 30m}
        - {checks: "sqs/*"}
    - {owner: "pay*", to: console}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.yaml"
    path.write_text(CONFIG)
    return path


def explained(run: Run, file: Path, *words: str) -> str:
    done = run("route", "explain", *words, "--config", file)
    assert (done.code, done.err) == (0, "")
    return done.out


def test_the_path_through_the_tree_with_each_line(run: Run, file: Path) -> None:
    assert (
        explained(run, file, "kafka://prod/groups/payments", "kafka/group-lagging")
        == """\
kafka/group-lagging on kafka://prod/groups/payments, warning
  owner    payments: owners say so of kafka://*/groups/pay* (m.yaml:5)
  begins   m.yaml:9: everything
  passed   m.yaml:13: resources kafka://staging
  taken    m.yaml:14: owner payments
  passed   m.yaml:17: severity critical or worse, and this is warning
  passed   m.yaml:18: checks sqs/*
  tells    slack:#pay (m.yaml:14)
  repeats  never (m.yaml:9)
"""
    )


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ("kafka://prod/groups/paywall", "kafka/group-lagging"),  # its severity is an override's
            ["  taken    m.yaml:17: severity critical or worse", "  tells    slack:#page, webhook:hook (m.yaml:17)", "  repeats  after 30 min while it fires and nobody has acknowledged it (m.yaml:17)"],
        ),
        (
            ("kafka://prod/groups/payments", "kafka/group-lagging", "--severity", "critical"),
            ["  taken    m.yaml:17: severity critical or worse"],
        ),
        (
            ("sqs://prod/queues/orders", "sqs/dlq-not-empty", "--owner", "payroll"),
            ["  owner    payroll: its tag says so", "  passed   m.yaml:14: owner payments, and this is payroll's", "  taken    m.yaml:19: owner pay*", "  tells    console (m.yaml:19)"],
        ),
        (
            ("kafka://prod/groups/official", "kafka/group-lagging"),
            ["  owner    nobody: no entry of owners matches, and no tag is known here", "  passed   m.yaml:14: owner payments, and this is nobody's", "  tells    slack:#all (m.yaml:9)", "but the check is off there (m.yaml:7): it never fires"],
        ),
        (
            ("kafka://prod/topics/orders", "kafka/dlq-missing"),
            ["  when     in the digest at 09:00 UTC; it is never repeated and never pages"],
        ),
        (
            ("kafka://prod", "mqcanary/target-blind"),
            ["mqcanary/target-blind on kafka://prod, critical", "  repeats  after 1 h while it fires and nobody has acknowledged it (m.yaml:9)"],
        ),
        (
            ("kafka://prod/groups/my%20pay%2Fx", "kafka/group-lagging"),
            ["kafka/group-lagging on kafka://prod/groups/my%20pay%2Fx, warning"],
        ),
    ],
)  # fmt: skip
def test_why(run: Run, file: Path, words: tuple[str, ...], lines: list[str]) -> None:
    told = explained(run, file, *words).splitlines()
    assert [line for line in told if line in lines] == lines


def test_a_route_behind_one_that_matches_is_not_reached(run: Run, file: Path) -> None:
    """The path says only what stands before what was taken."""
    assert "m.yaml:19" not in explained(run, file, "kafka://prod/groups/payments", "kafka/group-lagging")


def test_without_routes_the_console_is_told(run: Run, file: Path) -> None:
    file.write_text("kafka: [{name: prod, bootstrap: [127.0.0.1:1]}]\nmode: observe\nalerts: {fallback: console}\n")
    assert (
        explained(run, file, "kafka://prod/groups/x", "kafka/group-lagging")
        == """\
kafka/group-lagging on kafka://prod/groups/x, warning
  owner    nobody: no entry of owners matches, and no tag is known here
  begins   the default: everything
  tells    console (the default)
  repeats  after 1 d while it fires and nobody has acknowledged it (the default)
  else     console, where it is refused
  but      mode: observe: nothing is sent, the log says what would be
"""
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("prod", "kafka/group-lagging"), "RESOURCE: not an address: 'prod'; write kafka://TARGET/groups/NAME or sqs://TARGET/queues/NAME"),
        (("kafka://prod/groups/x", "kafka/group-laging"), 'CHECK: "kafka/group-laging" matches no check; did you mean "kafka/group-lagging"?'),
        (("kafka://prod/groups/x", "kafka/*"), 'CHECK: "kafka/*" is a glob; name one check; see: mqcanary checks list'),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(run: Run, file: Path, words: tuple[str, ...], told: str) -> None:
    done = run("route", "explain", *words, "--config", file)
    assert (done.code, done.out, done.err) == (2, "", f"mqcanary: {told}\n")


def test_it_needs_a_configuration(run: Run) -> None:
    done = run("route", "explain", "kafka://prod", "kafka/group-lagging")
    assert (done.code, done.err) == (2, "mqcanary: the routes stand in a configuration: give --config FILE\n")
