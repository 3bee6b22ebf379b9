"""From a destination to its sink, and one thread for each message under way."""

import threading
from collections.abc import Callable, Mapping

import structlog

from alerts.policy import CONSOLE
from alerts.sinks.sink import Delivered, Fault, Later, MessageSink, Outcome, Refused, Sending, Unclear

DEADLINE = 10.0
"""Seconds that a sink may take for one message."""

log = structlog.get_logger("delivery")


class Senders:
    """`sinks` by name: "slack", "console", "webhook:NAME". `observe`: nothing is sent, the log says what would be."""

    def __init__(
        self, sinks: Mapping[str, MessageSink], done: Callable[[str, Outcome], None], *, observe: bool = False
    ) -> None:
        self._sinks, self._done, self._observe = dict(sinks), done, observe
        self.delivered: dict[tuple[str, str], int] = {}
        """Sink and outcome to how often."""
        self._lock = threading.Lock()

    def send(self, delivery: str, destination: str, sending: Sending) -> None:
        """Begins to send; the outcome is told to `done` from another thread."""
        if self._observe:
            log.info("would tell", destination=destination, op=sending.op.value, title=sending.message.title)
            self._done(delivery, Delivered())
            return
        sink = self._sinks.get(destination) or self._sinks.get(destination.partition(":")[0])
        if sink is None:
            known = ", ".join(sorted(self._sinks)) or CONSOLE
            self._done(delivery, Refused(Fault.ROUTE, f"{destination} is not configured (there is: {known})"))
            return
        work = (delivery, destination, sink, sending)
        try:
            threading.Thread(target=self._run, args=work, name=f"send {destination}", daemon=True).start()
        except RuntimeError as error:
            self._done(delivery, Later(f"mqcanary: {error}"))

    def _run(self, delivery: str, destination: str, sink: MessageSink, sending: Sending) -> None:
        try:
            outcome = sink.send(sending, DEADLINE)
        except Exception as error:  # noqa: BLE001 - a bug in a sink must not stop the others, nor lose what was to be told
            outcome = Unclear(f"mqcanary failed: {type(error).__name__} (please report this)")
        key = (destination.partition(":")[0], type(outcome).__name__.lower())
        with self._lock:
            self.delivered = {**self.delivered, key: self.delivered.get(key, 0) + 1}
        if isinstance(outcome, Delivered):
            log.info("told", destination=destination, op=sending.op.value, title=sending.message.title)
        else:
            log.warning("not told", destination=destination, outcome=key[1], error=outcome.error)
        self._done(delivery, outcome)
