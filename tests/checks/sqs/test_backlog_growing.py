from collections.abc import Sequence
from datetime import timedelta

import pytest

from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import Address, History, SqsSnapshot, Unknown, Why, facts_of
from checks.limits import Limits, Override
from checks.pattern import Pattern
from checks.sqs.backlog_growing import backlog_growing as check
from tests.checks.examples import AT, Example, arn, judge, only, queue, sqs

DENIED = Unknown(Why.DENIED, "access denied")


def polls(
    visible: Sequence[int],
    in_flight: Sequence[int] = (),
    *,
    dead: Sequence[int] = (),
    delayed: Sequence[int] = (),
    every: float = 60.0,
) -> tuple[SqsSnapshot, ...]:
    """One poll a minute of the queue `orders`; `dead` is what its dead-letter queue holds."""
    return tuple(
        sqs(
            queue(
                "orders",
                visible=number,
                in_flight=in_flight[i] if in_flight else 10,
                delayed=delayed[i] if delayed else 0,
                redrive="dead" if dead else "",
                at=AT + every * i,
            ),
            *([queue("dead", visible=dead[i], at=AT + every * i)] if dead else []),
            at=AT + every * i,
        )
        for i, number in enumerate(visible)
    )


def ramp(step: int, polled: int = 16, base: int = 100) -> list[int]:
    return [base + step * i for i in range(polled)]


SAW = [0, 10, 5, 0, 10, 5, 0, 10]
FIRING = (
    Example("grows though it is read", polls(ramp(40))),
    Example("nobody receives", polls(ramp(40), [0] * 16)),
    Example("unevenly", polls([n + 30 * (i % 3) for i, n in enumerate(ramp(40))])),
    Example("counts that are a minute stale", polls([n - n % 80 for n in ramp(40)])),
    Example("what is received but never finished", polls([500] * 16, ramp(40))),
    Example("slowly, on top of much", polls(ramp(3, base=100_000), [0] * 16)),
    Example("its dead-letter queue is not what it came from", polls(ramp(40), dead=[500 - 2 * i for i in range(16)])),
    Example(
        "by its own limits",
        polls(ramp(5, 6), every=2.0),
        Limits([Override(Pattern(), "*", {"window": timedelta(seconds=10)})]),
    ),
)
SILENT = (
    Example("empty", polls([0] * 16, [0] * 16)),
    Example("steady", polls([400, 410] * 8)),
    Example("a batch at once, worked off since", polls([*[0] * 4, *range(100_000, 100_000 - 12 * 3000, -3000)])),
    Example("a batch at once that nobody has begun", polls([*[0] * 4, *[100_000] * 12], [0] * 16)),
    Example("a batch in the last minutes", polls([*[0] * 13, 30_000, 60_000, 90_000])),
    Example(
        "received, and back after the visibility time-out",
        polls([400 - 40 * (i % 8) for i in range(16)], [40 * (i % 8) for i in range(16)]),
    ),
    Example("a consumer that takes ten at a time", polls([SAW[i % 8] + 20 for i in range(16)])),
    Example("one that comes every half hour", polls([20 * (i % 30) for i in range(58)], [0] * 58)),
    Example(
        "a message or two more on an empty queue", polls([0, 1, 2, 0, 1, 0, 2, 1, 0, 0, 1, 2, 0, 1, 2, 2], [0] * 16)
    ),
    Example("low rate", polls([i // 2 for i in range(16)], [1] * 16)),
    Example("they are delayed", polls([50] * 16, delayed=ramp(40))),
    Example("redriven", polls(ramp(40), dead=[900 - 40 * i for i in range(16)])),
    Example("purged", polls([*ramp(40, 12), 0, 0, 0, 0], [0] * 16)),
    Example(
        "dead letters",
        tuple(
            sqs(
                queue("orders", redrive="dead", at=AT + 60 * i),
                queue("dead", visible=100 + 40 * i, at=AT + 60 * i),
                at=AT + 60 * i,
            )
            for i in range(16)
        ),
    ),
    Example("by its own limit", polls(ramp(40)), Limits([Override(Pattern(), "*", {"least": 5000})])),
)


def gap(snapshots: tuple[SqsSnapshot, ...]) -> Unknown:
    report = judge(check, Example("gap", snapshots))
    assert not report.findings
    (found,) = [gap.unknown for gap in report.gaps.values() if gap.address.name == "orders"]
    return found


def test_says_how_many_and_how_fast() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "queue orders grows: 710 messages not finished, 600 more than 15 min ago (40.0 a minute); 10 of them are in flight"
    )
    assert (finding.severity, finding.after) == (Severity.WARNING, timedelta(minutes=10))
    assert finding.fix.command.startswith("aws sqs get-queue-attributes ")


def test_nobody_who_receives_is_another_thing_to_do() -> None:
    finding = only(judge(check, FIRING[1]))
    assert finding.summary.endswith("; nothing was in flight at any poll")
    assert finding.fix.text.startswith("Nobody seems to receive")
    assert f"--event-source-arn {arn('orders')}" in finding.fix.command


@pytest.mark.parametrize("polled", [1, 4, 15])
def test_a_short_history_is_a_gap_that_says_what_closes_it(polled: int) -> None:
    young = gap(polls(ramp(40, polled)))
    assert young.why is Why.YOUNG
    assert young.close == "more polls: --samples 31 --every 30s"


def test_a_hole_starts_anew() -> None:
    whole = polls(ramp(40, 20))
    holed = (*whole[:9], sqs(unseen=["orders"], at=AT + 60 * 9), *whole[10:])
    assert gap(holed).why is Why.YOUNG
    assert only(judge(check, Example("whole", whole)))


def test_polls_too_far_apart_do_not_decide() -> None:
    assert gap((*polls(ramp(40)), *polls(ramp(40, 17)[-1:], every=1))[:3]).why is Why.YOUNG
    assert gap(polls(ramp(40, 4), every=1000)).why is Why.YOUNG


def test_another_queue_of_the_same_name_has_another_history() -> None:
    *before, _ = polls(ramp(40))
    again = sqs(queue("orders", visible=700, in_flight=10, created=AT + 800, at=AT + 900), at=AT + 900)
    assert gap((*before, again)).why is Why.YOUNG


def test_a_dead_letter_queue_that_is_not_seen_may_have_been_redriven() -> None:
    *before, last = polls(ramp(40), dead=[900] * 16)
    hidden = sqs(last.queues.items["orders"], others={arn("dead"): DENIED}, at=last.at)  # type: ignore[arg-type]
    assert gap((*before, hidden)).why is Why.DENIED
    unseen = sqs(before[0].queues.items["orders"], at=AT)  # type: ignore[arg-type]
    assert gap((unseen, *before[1:], last)).why is Why.UNREACHABLE


def test_what_fires_lingers_until_it_grows_no_more() -> None:
    mark = Fingerprint(check.id, Address("sqs", "prod", "queues", "orders"))

    def verdict(snapshots: tuple[SqsSnapshot, ...]) -> Verdict:
        history = History()
        for snapshot in snapshots:
            history.append(snapshot)
        return evaluate(facts_of(snapshots[-1], history), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(polls(ramp(2))) is Verdict.PROBLEM
    assert verdict(polls(ramp(1))) is Verdict.LINGERING
    assert verdict(polls(ramp(0))) is Verdict.CLEAR
    assert verdict(polls(ramp(40, 3))) is Verdict.UNKNOWN
