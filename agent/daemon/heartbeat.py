"""A call to somebody who notices when the calls end: made only while looking, judging and telling all get on."""

import http.client
import threading
import urllib.request
from collections.abc import Callable, Mapping

import structlog

from agent.config.running import HeartbeatSection
from agent.errors import MqcanaryError
from agent.view import View
from alerts.model import Delivery, Progress, State, Subject
from checks.wording import span

STUCK = 300.0
"""Seconds that a message may wait before the heartbeat stops: something is wrong with the telling."""
IDLE = 60.0
"""Seconds that nothing may have been judged for, at least; twice the time between two looks where that is more."""
TIMEOUT = 10.0

log = structlog.get_logger("heartbeat")


def trouble(view: View, patience: Mapping[str, float], now: float) -> str:
    """Why there is nothing to be called for; empty while everything gets on.

    `patience` is how many seconds a look at each place may take: one that sees nothing counts, one that never comes
    does not.
    """
    if now - max(view.judged, view.started) > IDLE:
        return f"the judge has finished nothing for {span(now - max(view.judged, view.started))}"
    looked = {target.place: target.snapshot.at for target in view.targets.values()}
    for place, most in patience.items():
        if place not in looked:
            return f"{place} was not looked at yet"
        if now - looked[place] > max(IDLE, 2 * view.every) + most:
            return f"{place} was last looked at {span(now - looked[place])} ago"
    for delivery in view.state.deliveries.values():
        if why := _untold(delivery, view.state, now):
            return why
    return ""


def _untold(delivery: Delivery, state: State, now: float) -> str:
    if delivery.progress is Progress.PARKED:
        thread = state.threads.get(delivery.thread)
        tested = thread is not None and thread.subject is Subject.TEST  # whoever asked for it knows
        return "" if tested else f"a message to {delivery.destination} was refused, and is parked"
    # What is gathered waits on purpose; what failed once has waited all along.
    since = delivery.created if delivery.error else max(delivery.created, delivery.not_before)
    return f"a message to {delivery.destination} has waited for {span(now - since)}" if now - since > STUCK else ""


def beat(stopping: threading.Event, section: Callable[[], HeartbeatSection | None], trouble: Callable[[], str]) -> None:
    """Calls the URL of `section` as often as it says, until `stopping`; both are asked anew each time."""
    before = ""
    while True:
        heart = section()
        if stopping.wait(heart.every.total_seconds() if heart else IDLE):
            return
        if heart is None:
            continue
        why = trouble() or _call(heart)
        if why and why.partition(" for ")[0] != before.partition(" for ")[0]:
            log.warning("no heartbeat", error=why)
        elif before and not why:
            log.info("heartbeat again")
        before = why


def _call(heart: HeartbeatSection) -> str:
    """Why nobody was reached. Never with the URL, which is a secret."""
    try:
        urllib.request.urlopen(heart.url.reveal(), timeout=TIMEOUT).close()  # noqa: S310 - the user's own URL
    except MqcanaryError as error:
        return str(error)
    except urllib.request.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"not reached ({type(error).__name__})"
    return ""
