"""From a destination to its sink: whatever fails on the way is an outcome, never a thread that dies silently."""

import queue
import threading
from collections.abc import Mapping

import pytest

from agent.daemon.sending import Senders
from alerts.model import Op
from alerts.render.message import Mark, Message
from alerts.sinks.sink import Delivered, Fault, Later, MessageSink, Outcome, Refused, Sending, Unclear

SENDING = Sending("k1", Op.POST, "#ops", Message("group payments is late", Mark.CRITICAL))


class Sink:
    edits = False
    pace = 0.0

    def __init__(self, outcome: Outcome | Exception) -> None:
        self.outcome = outcome

    def send(self, sending: Sending, deadline: float) -> Outcome:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def sent(sinks: Mapping[str, MessageSink], destination: str, *, observe: bool = False) -> tuple[Outcome, Senders]:
    """What becomes of one message."""
    told: queue.Queue[tuple[str, Outcome]] = queue.Queue()
    senders = Senders(sinks, lambda delivery, outcome: told.put((delivery, outcome)), observe=observe)
    senders.send("d1", destination, SENDING)
    delivery, outcome = told.get(timeout=30)
    assert delivery == "d1"
    return outcome, senders


def test_by_the_whole_name_or_by_what_stands_before_the_colon() -> None:
    one, two = Delivered(), Later("busy")
    sinks = {"slack": Sink(one), "webhook:mail": Sink(two)}
    assert sent(sinks, "slack:#ops")[0] is one
    outcome, senders = sent(sinks, "webhook:mail")
    assert outcome is two
    assert senders.delivered == {("webhook", "later"): 1}


def test_a_sink_that_is_not_configured_is_a_refusal_that_says_what_there_is() -> None:
    outcome, senders = sent({"slack": Sink(Delivered())}, "webhook:mail")
    assert outcome == Refused(Fault.ROUTE, "webhook:mail is not configured (there is: slack)")
    assert senders.delivered == {}


def test_a_bug_in_a_sink_may_have_sent() -> None:
    outcome, senders = sent({"slack": Sink(ZeroDivisionError())}, "slack:#ops")
    assert outcome == Unclear("mqcanary failed: ZeroDivisionError (please report this)")
    assert senders.delivered == {("slack", "unclear"): 1}


def test_without_a_thread_it_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    outcome, _ = sent({"slack": Sink(Delivered())}, "slack:#ops")
    assert outcome == Later("mqcanary: can't start new thread")


def test_an_observer_sends_nothing() -> None:
    outcome, senders = sent({"slack": Sink(ZeroDivisionError())}, "slack:#ops", observe=True)
    assert outcome == Delivered()
    assert senders.delivered == {}
