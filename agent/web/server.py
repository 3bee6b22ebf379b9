"""Metrics, health and the status page on one address."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from agent.metrics import Exposition
from agent.secret import Secret
from agent.view import View
from agent.web.listener import Listener, ListenOptions
from agent.web.pages import Sources, pages


@dataclass(frozen=True, slots=True)
class WebOptions(ListenOptions):
    """Where and how to listen, and who is answered."""

    token: Secret | None = None
    """Asked for by all but /healthz and /readyz; read again for each request, so that it can be replaced."""
    max_age: float = 60.0
    """Seconds since the judge last finished something, beyond which /healthz says no."""


class WebServer(Listener):
    """`places` gives those of all configured targets, for /readyz; `clock` seconds since the epoch."""

    def __init__(
        self,
        options: WebOptions,
        read: Callable[[], View],
        exposition: Callable[[], Exposition],
        *,
        clock: Callable[[], float] = time.time,
        places: Callable[[], Collection[str]] | None = None,
    ) -> None:
        app = pages(Sources(read, exposition, clock, places, options.token, options.max_age))
        super().__init__("web", app, options, [options.token] if options.token else [])
