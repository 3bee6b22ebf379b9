from dataclasses import replace
from datetime import timedelta

import pytest

from checks.check import Severity
from checks.facts import KafkaSnapshot, LogDir, Storage, Unknown, Why
from checks.kafka.disk_filling import disk_filling as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from tests.checks.examples import AT, Example, disk, judge, kafka, only, topic

GB = 10**9
OLD = Unknown(Why.UNSUPPORTED, "the broker does not tell how big its volumes are (needs Kafka 3.3: KIP-827)")
DENIED = Unknown(Why.DENIED, "DescribeLogDirs is denied")
DOWN = Unknown(Why.UNREACHABLE, "broker 3 is down")


def volume(usable: int, path: str = "/data") -> LogDir:
    return LogDir(path, 1000 * GB, usable * GB)


def look(*dirs: LogDir | Unknown, at: float = AT) -> KafkaSnapshot:
    sizes = {("orders", 0): 500 * GB, ("payments", 0): 20 * GB}
    return kafka(
        [topic("orders", 1)],
        storage={"1": disk(volume(700)), "2": disk(*dirs, sizes=sizes)},
        at=at,
    )


def hour(*usable: int) -> tuple[KafkaSnapshot, ...]:
    """Looks over an hour, and the gigabytes that are left in each."""
    return tuple(look(volume(left), at=AT + 3600 * i / (len(usable) - 1)) for i, left in enumerate(usable))


FIRING = (
    Example("85 % on the first look", (look(volume(150)),)),
    Example("85 %, and not growing", hour(150, 150, 150)),
    Example("85 %, slowly growing", hour(151, 150, 150)),
    Example("85 %, full in three hours", hour(200, 175, 150)),
    Example("95 %", hour(50, 50)),
    Example("the second directory", (look(volume(600), volume(100, "/more")),)),
    Example("both directories", (*hour(100, 100), look(volume(100), volume(190, "/more"), at=AT + 3700))),
    Example("beside a broker that is away", (kafka(storage={"2": disk(volume(150)), "3": DOWN}),)),
    Example(
        "by its own limit", (look(volume(450)),), Limits([Override(Pattern(), "*", {"used": 0.5, "critical": 0.95})])
    ),
)
SILENT = (
    Example("room enough", (look(volume(300)),)),
    Example("growing fast, with room", hour(900, 600)),
    Example(
        "MSK Serverless shows no volume",
        (replace(kafka(host="boot-1a2b3c4d.c1.kafka-serverless.us-east-1.amazonaws.com"), storage=DENIED),),
    ),
    Example(
        "a tiered topic is larger than the volume, and its local part small",
        (
            kafka(
                [topic("orders", 1, config={"remote.storage.enable": "true"})],
                ends={("orders", 0): 10**12},
                storage={"2": disk(volume(600), sizes={("orders", 0): 100 * GB})},
            ),
        ),
    ),
)


def test_says_what_is_left_and_what_takes_it() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == ("broker 2 has used 85 % of the volume under /data: 140 GiB of 931 GiB are left")
    assert (finding.severity, finding.after, finding.fingerprint.key) == (
        Severity.WARNING,
        timedelta(minutes=5),
        "2:/data",
    )
    assert "Most of it is taken by orders, payments (466 GiB the first)" in finding.fix.text
    assert finding.fix.command.endswith("--describe --broker-list 2 --topic-list orders,payments")


@pytest.mark.parametrize(
    ("example", "severity", "words"),
    [
        (1, Severity.WARNING, "are left"),
        (2, Severity.WARNING, "the last hour it is full in 6 d 6 h"),
        (3, Severity.CRITICAL, "the last hour it is full in 3 h"),
        (4, Severity.CRITICAL, "are left"),
    ],
)
def test_how_soon_it_is_full_decides(example: int, severity: Severity, words: str) -> None:
    finding = only(judge(check, FIRING[example]))
    assert finding.severity is severity
    assert finding.summary.endswith(words)


def test_a_short_history_is_a_gap_beside_what_is_proven() -> None:
    report = judge(check, FIRING[0])
    assert report.findings
    (young,) = [gap for gap in report.gaps.values() if gap.check]
    assert young.unknown.why is Why.YOUNG


@pytest.mark.parametrize(
    ("storage", "why"),
    [
        ({"1": disk(LogDir("/data", OLD, OLD))}, Why.UNSUPPORTED),
        ({"1": disk(volume(900)), "3": DOWN}, Why.UNREACHABLE),
        (DENIED, Why.DENIED),
        ({"1": disk(volume(900), Unknown(Why.UNREACHABLE, "KAFKA_STORAGE_ERROR"))}, Why.UNREACHABLE),
    ],
)
def test_what_is_not_told_is_a_gap(storage: dict[str, Storage | Unknown] | Unknown, why: Why) -> None:
    report = judge(check, Example("gap", (replace(kafka(), storage=storage),)))
    assert not report.findings
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [why]


def test_each_directory_is_a_problem_of_its_own() -> None:
    report = judge(check, FIRING[6])
    assert {mark.key for mark in report.findings} == {"2:/data", "2:/more"}
