import pytest

from checks import all_checks
from checks.check import Severity
from checks.facts import KafkaSnapshot, Quorum
from tests.checks.examples import Example, judge, kafka, only, quorum_of

(CHECK,) = (check for check in all_checks() if check.id == "kafka/controller-quorum-lagging")
WELL = (0.4, 0.4)
LAST_BUT_ONE = (
    "controller 3 on c3 has not fetched from controller 1, the leader, for 5 min; 2 of 3 keep up, and the loss of one more "
    "leaves no majority"
)


def look(*voters: tuple[float | None, float | None], host: str = "b{}") -> tuple[KafkaSnapshot]:
    return (kafka(quorum=quorum_of(*voters), host=host),)


FIRING = (
    Example("a voter is dead", look(WELL, (300.0, 300.0))),
    Example("it fetches and does not keep up", look(WELL, (0.5, 90.0))),
    Example("it was dead when the leader was elected", look(WELL, (None, None))),
    Example("it fetches and has never had all", look(WELL, (0.5, None))),
    Example("two of five", look(WELL, (20.0, 20.0), WELL, (None, None))),
)
SILENT = (
    Example("all keep up", look(WELL, WELL)),
    Example("one is within the limit", look(WELL, (15.0, 15.0))),
    Example("one controller", look()),
    Example("ZooKeeper", (kafka(),)),
    Example("of Confluent Cloud", look(WELL, (300.0, 300.0), host="b{}-pkc-x.eu.aws.confluent.cloud")),
    Example("of Amazon MSK", look(WELL, (300.0, 300.0), host="b-{}.x.abc.c2.kafka.eu-west-1.amazonaws.com")),
)


@pytest.mark.parametrize(
    ("voters", "said", "severity"),
    [
        (
            (WELL, (300.0, 300.0)),
            LAST_BUT_ONE,
            Severity.CRITICAL,
        ),
        (
            (WELL, WELL, WELL, (None, None)),
            "controller 5 on c5 has not fetched from controller 1 since that one leads; 4 of 5 keep up",
            Severity.WARNING,
        ),
        (
            (WELL, (0.5, 90.0), WELL, WELL),
            "controller 3 on c3 is 1 min 30 s behind controller 1, the leader; 4 of 5 keep up",
            Severity.WARNING,
        ),
    ],
)
def test_it_says_how_far_each_is_and_whether_one_more_may_be_lost(
    voters: tuple[tuple[float | None, float | None], ...], said: str, severity: Severity
) -> None:
    finding = only(judge(CHECK, Example("", look(*voters))))
    assert (finding.summary, finding.severity) == (said, severity)


def test_each_that_is_behind_has_a_finding_of_its_own_so_that_restarts_one_by_one_are_not_one_long_outage() -> None:
    found = judge(CHECK, Example("", look(WELL, (60.0, 60.0), WELL, (60.0, 60.0)))).findings
    assert sorted(mark.key for mark in found) == ["3", "5"]


def test_no_quorum_at_all_is_not_an_empty_one() -> None:
    assert Quorum(1, ()).now == -1
