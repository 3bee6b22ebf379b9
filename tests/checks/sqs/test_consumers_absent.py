from collections.abc import Sequence
from datetime import timedelta

from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import Address, History, SqsSnapshot, Unknown, Why, facts_of
from checks.limits import Limits, Override, Pattern
from checks.sqs.consumers_absent import consumers_absent as check
from tests.checks.examples import AT, Example, judge, only, queue, sqs
from tests.checks.sqs.test_backlog_growing import polls as seen


def polls(visible: Sequence[int], in_flight: Sequence[int] = (), **more: object) -> tuple[SqsSnapshot, ...]:
    return seen(visible, in_flight or [0] * len(visible), **more)  # type: ignore[arg-type]


RISING = list(range(100, 220, 10))
FIRING = (
    Example("three polls", polls([100, 105, 110], every=30.0)),
    Example("from nothing", polls([0, 10, 20, 30])),
    Example("in counts that are a minute stale", polls([100, 100, 120, 120, 140, 140], every=30.0)),
    Example("slowly", polls(list(range(100, 111)))),
    Example("with a flicker", polls([100, 110, 109, 120])),
    Example("an idle queue, polled now and then", polls([0, 40, 80], every=300.0)),
    Example("its dead-letter queue is not what it came from", polls(RISING, dead=[9] * 12)),
    Example("consumers that have left", polls([50, 20, 60, *RISING], [9, 9, 0, *[0] * 12])),
)
SILENT = (
    Example("empty", polls([0] * 12)),
    Example("the ghosts of an empty queue", polls([0, 1, 2])),
    Example("delayed messages", polls([0] * 12, delayed=RISING)),
    Example("delayed messages become visible and are received", polls([0, 0, 200], [0, 0, 10], delayed=[200, 200, 0])),
    Example("somebody receives", polls(RISING, [*[0] * 11, 1])),
    Example("somebody received", polls(RISING, [*[0] * 10, 1, 0])),
    Example("steady", polls([400] * 12)),
    Example("a batch that nobody has begun, and no more", polls([*[0] * 3, *[100_000] * 12])),
    Example("worked off between polls", polls([100, 200, 50, 150])),
    Example("consumers come now and then", polls([500, *[0] * 12, 200, 300, 400])),
    Example("redriven", polls(RISING, dead=[900 - 10 * i for i in range(12)])),
    Example(
        "dead letters",
        tuple(
            sqs(
                queue("orders", redrive="dead", at=AT + 60 * i),
                queue("dead", visible=n, at=AT + 60 * i),
                at=AT + 60 * i,
            )
            for i, n in enumerate(RISING)
        ),
    ),
    Example("by its own limit", polls(RISING), Limits([Override(Pattern(), "*", {"least": 5000})])),
)


def test_says_how_many_and_for_how_long() -> None:
    assert only(judge(check, FIRING[0])).summary == (
        "nobody receives from queue orders: 110 messages waiting, 10 more than 60 s ago, and none in flight in 3 polls"
    ).replace("60 s", "1 min")
    assert only(judge(check, FIRING[0])).fix.command.startswith("aws lambda list-event-source-mappings ")


def test_two_polls_are_too_young_to_tell() -> None:
    for example in (polls([100, 200]), polls([100, 200, 300], every=3600.0)):
        (gap,) = judge(check, Example("young", example)).gaps.values()
        assert gap.unknown.why is Why.YOUNG
    assert gap.unknown.close == "more polls: --samples 4 --every 20s"


def test_a_window_of_ones_own() -> None:
    brief = Limits([Override(Pattern(), "*", {"window": timedelta(seconds=30)})])
    assert judge(check, Example("brief", polls(RISING), brief)).gaps, "polls a minute apart do not fill 30 s"


def test_sources_not_seen_are_a_gap_beside() -> None:
    whole = polls([100, 200, 300])
    holed = sqs(whole[-1].queues.items["orders"], unseen=["y"], at=whole[-1].at)  # type: ignore[arg-type]
    report = judge(check, Example("denied", (*whole[:-1], holed)))
    assert report.findings
    assert isinstance(report.gaps[check.id, Address("sqs", "prod", "queues", "orders")].unknown, Unknown)


def test_what_fires_lasts_until_somebody_receives() -> None:
    mark = Fingerprint(check.id, Address("sqs", "prod", "queues", "orders"))

    def verdict(snapshots: tuple[SqsSnapshot, ...]) -> Verdict:
        history = History()
        for snapshot in snapshots:
            history.append(snapshot)
        return evaluate(facts_of(snapshots[-1], history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(polls(RISING)) is Verdict.PROBLEM
    assert verdict(polls([300] * 12)) is Verdict.LINGERING, "producers have stopped, and nobody has come"
    assert verdict(polls([300] * 12, [*[0] * 11, 1])) is Verdict.CLEAR
    assert verdict(polls([*RISING, 40])) is Verdict.CLEAR
    assert verdict(polls(RISING[:2])) is Verdict.UNKNOWN
