from dataclasses import replace

from checks.check import Severity
from checks.facts import Listing, Snapshot, Unknown, Why
from checks.kafka.dlq_retention_short import dlq_retention_short as check
from tests.checks.examples import Example, group, judge, kafka, only, topic

DAY = 86_400_000


def kept(name: str, days: int, policy: str = "delete") -> object:
    return topic(name, config={"retention.ms": str(days * DAY if days >= 0 else -1), "cleanup.policy": policy})


def look(*topics: object, **more: object) -> tuple[Snapshot, ...]:
    return (kafka(topics, **more),)  # type: ignore[arg-type]


def of_group(days: int) -> tuple[Snapshot, ...]:
    """`app-dlq` of a group that reads two topics."""
    read = {("orders", 0): 1, ("bills", 0): 1}
    return look(
        kept("orders", 7), kept("bills", 30), kept("app-dlq", days), groups=[group("app")], committed={"app": read}
    )


FIRING = (
    Example("shorter", look(kept("orders", 7), kept("orders.dlq", 3))),
    Example("as long", look(kept("orders", 7), kept("orders-dlt", 7))),
    Example("its source keeps everything", look(kept("orders", -1), kept("orders.dlq", 30))),
    Example("the longest of several sources", of_group(14)),
    Example("its source compacts too", look(kept("orders", 7, "compact,delete"), kept("orders.dlq", 3))),
)
SILENT = (
    Example("longer", look(kept("orders", 7), kept("orders.dlq", 14))),
    Example("for ever", look(kept("orders", 7), kept("orders.dlq", -1))),
    Example("both for ever", look(kept("orders", -1), kept("orders.dlq", -1))),
    Example("its source only compacts", look(kept("orders", 7, "compact"), kept("orders.dlq", 3))),
    Example("it only compacts", look(kept("orders", 7), kept("orders.dlq", 3, "compact"))),
    Example("longer than the longest", of_group(31)),
    Example("its source is not there", look(kept("bills", 7), kept("orders.dlq", 3))),
    Example("no dead letters", look(kept("orders", 7), kept("orders.copy", 3))),
)


def test_as_long_is_milder_than_shorter() -> None:
    shorter, same = (only(judge(check, example)) for example in FIRING[:2])
    assert (shorter.severity, same.severity) == (Severity.WARNING, Severity.INFO)
    assert shorter.summary == "dead-letter topic orders.dlq keeps records 3 d, its source orders 7 d"
    assert f"retention.ms={14 * DAY}" in shorter.fix.command


def test_names_the_longest_of_several_sources() -> None:
    found = only(judge(check, FIRING[3]))
    assert found.summary.endswith("its source bills 30 d")
    assert f"retention.ms={60 * DAY}" in found.fix.command


def test_a_hidden_group_may_be_the_one_that_it_is_named_after() -> None:
    hidden = Unknown(Why.DENIED, "not all groups are listed")
    (whole,) = look(kept("orders", 7), kept("app-dlq", 3))
    report = judge(check, Example("blind", (replace(whole, groups=Listing({}, (hidden,))),)))  # type: ignore[arg-type]
    assert [gap.unknown for gap in report.gaps.values() if gap.check] == [hidden]


def test_a_group_left_out_may_not_be_taken_for_one_that_is_not_there() -> None:
    (whole,) = look(kept("orders", 7), kept("app-dlq", 3))
    part = replace(whole, groups=Listing({}, left_out=frozenset({"app"})))  # type: ignore[arg-type]
    report = judge(check, Example("excluded", (part,)))
    assert [gap.unknown.detail for gap in report.gaps.values() if gap.check] == ["group app is left out by choice"]
