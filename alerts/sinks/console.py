"""Messages on standard output: where nothing else is configured, and beside it."""

from collections.abc import Callable

from alerts.render.plain import plain
from alerts.sinks.sink import Delivered, Later, Outcome, Sending


class ConsoleSink:
    """Prints each message; what would be an edit or a reply elsewhere is one more."""

    edits = False
    pace = 0.0

    def __init__(self, write: Callable[[str], None], width: int = 80, *, colour: bool = False) -> None:
        self._write, self._width, self._colour = write, width, colour

    def send(self, sending: Sending, deadline: float) -> Outcome:  # noqa: ARG002 - a terminal has none
        text = plain(sending.message, self._width, colour=self._colour)
        if sending.unclear:
            text = f"This may be a double:\n{text}"
        try:
            self._write(text)
        except (OSError, ValueError) as error:
            return Later(f"standard output: {error}")
        return Delivered()
