"""What goes wrong on purpose: queued, each for as many requests as asked, then no more."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

When = Literal["before", "after"]

RATE_LIMITED = '{"ok":false,"error":"ratelimited"}'
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


@dataclass(slots=True, eq=False)
class Fault:
    """One disturbance, for calls of `method` ("webhook": of any incoming webhook; None: of any) to `channel` (name or id).

    A request meets the first fault that is for it, and no other. `error` is Slack's name for a refusal. `status` is of HTTP,
    with `retry_after` as that header (it need not be a number) and `body` instead of Slack's. `html` answers as a proxy in
    between does, with status 200 unless told otherwise. `drop` closes the connection without an answer, "before" or "after"
    the request took effect; with `reset` by a TCP reset. `hang` gives no answer until the server ends, and takes effect only
    for "after". `delay` waits so many seconds; a fault of nothing else then goes on as if there were none. `times` requests
    are hit, then no more (None: all).

    Works as a context manager that ends with `off()`.
    """

    method: str | None = None
    channel: str | None = None
    error: str = ""
    status: int = 0
    retry_after: str | float | None = None
    body: str | None = None
    html: bool = False
    delay: float = 0.0
    drop: When | None = None
    reset: bool = False
    hang: bool | When = False
    times: int | None = 1

    def off(self) -> None:
        self.times = 0

    @property
    def active(self) -> bool:
        return self.times is None or self.times > 0

    def spend(self) -> None:
        if self.times:
            self.times -= 1

    def hits(self, method: str, channels: Callable[[str], bool]) -> bool:
        """`channels` says whether a name or id is that of the request's channel."""
        return self.active and self.method in (None, method) and (self.channel is None or channels(self.channel))

    @property
    def answer(self) -> tuple[int, str, str] | None:
        """Status, type and body of an answer that Slack itself never made; None if Slack answers."""
        if self.html:
            status = self.status or 200
            return (
                status,
                "text/html",
                self.body or _PAGE.format("Welcome to this network" if status < 400 else "Bad gateway"),
            )
        if not self.status and self.body is None:
            return None
        if self.body is not None:
            return self.status or 200, "text/plain", self.body
        if self.status == 429:
            return 429, "application/json", RATE_LIMITED
        return self.status, "text/html", _PAGE.format(f"Error {self.status}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        self.off()
