"""What is told of queues."""

from dataclasses import replace

from agent.metrics import Options, exposition
from checks.facts import SqsSnapshot, Unknown, Why
from tests.agent.metrics.views import Series, of, scraped, target, view
from tests.checks.examples import AT, arn, queue, sqs

DENIED = Unknown(Why.DENIED, "not allowed")


def seen(snapshot: SqsSnapshot) -> Series:
    return scraped(exposition(view(target(snapshot)), AT, Options()))


def test_the_three_depths() -> None:
    found = seen(sqs(replace(queue("jobs", visible=7, in_flight=2), delayed=1), queue("quiet"), unseen=["hidden"]))
    assert of(found, "queue_visible_messages", "target", "queue") == {
        ("sqs://prod", "jobs"): 7,
        ("sqs://prod", "quiet"): 0,
    }
    assert of(found, "queue_in_flight_messages", "queue") == {"jobs": 2, "quiet": 0}
    assert of(found, "queue_delayed_messages", "queue") == {"jobs": 1, "quiet": 0}
    assert not of(found, "dead_letter_queue_messages")


def test_an_attribute_that_is_not_told_has_no_series() -> None:
    hidden = replace(queue("jobs", in_flight=2), visible=DENIED, delayed=DENIED)
    found = seen(sqs(hidden, replace(queue("src", redrive="jobs"))))
    assert of(found, "queue_visible_messages", "queue") == {"src": 0}
    assert of(found, "queue_in_flight_messages", "queue") == {"jobs": 2, "src": 0}
    assert of(found, "queue_delayed_messages", "queue") == {"src": 0}
    assert not of(found, "dead_letter_queue_messages")


def test_dead_letter_queues_have_a_family_of_their_own() -> None:
    found = seen(sqs(queue("jobs", redrive="jobs-dlq"), queue("jobs-dlq", visible=3), queue("orphan-dlq", visible=9)))
    assert of(found, "dead_letter_queue_messages", "queue") == {"jobs-dlq": 3}
    assert of(found, "queue_visible_messages", "queue")["jobs-dlq"] == 3


def test_dead_letter_queues_that_were_not_chosen() -> None:
    elsewhere = arn("jobs").replace("us-east-1", "eu-west-1")
    others = {
        arn("far-dlq"): queue("far-dlq", visible=4),
        elsewhere: queue("jobs", visible=5),  # the name of a queue that is here too
        arn("hidden"): DENIED,
    }
    found = seen(sqs(queue("jobs", redrive="far-dlq"), others=others))
    assert of(found, "dead_letter_queue_messages", "queue") == {"far-dlq": 4, elsewhere: 5}


def test_a_queue_that_cannot_be_seen_keeps_its_last_values_for_a_while() -> None:
    all_there = sqs(queue("jobs", visible=7, redrive="dlq"), queue("dlq", visible=3))
    first = exposition(view(target(all_there)), AT, Options())
    items = {"jobs": DENIED, "dlq": queue("dlq", visible=4)}
    for at, there in ((AT + 30, True), (AT + 900, True), (AT + 901, False)):
        look = replace(all_there, at=at, queues=replace(all_there.queues, items=items))
        first = exposition(view(target(look)), at, Options(), first)
        found = scraped(first)
        assert of(found, "queue_visible_messages", "queue") == ({"jobs": 7, "dlq": 4} if there else {"dlq": 4})
        assert of(found, "queue_last_success_timestamp_seconds", "queue") == ({"jobs": AT} if there else {})
        # whether anybody still redrives into it is not known either, but its depth is
        assert of(found, "dead_letter_queue_messages", "queue") == ({"dlq": 4} if there else {})
    gone = replace(all_there, at=AT + 30, queues=replace(all_there.queues, items={"dlq": queue("dlq")}))
    found = scraped(
        exposition(view(target(gone)), AT + 30, Options(), exposition(view(target(all_there)), AT, Options()))
    )
    assert set(of(found, "queue_visible_messages", "queue")) == {"dlq"}
    assert not of(found, "queue_last_success_timestamp_seconds")
