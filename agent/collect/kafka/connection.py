"""One broker: how it is reached and greeted, and what one may ask it."""

import ssl
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.exchange import (
    ClosedError,
    Exchange,
    Framed,
    LateError,
    Memos,
    OddError,
    Written,
    made,
    understood,
)
from agent.collect.kafka.fanout import Prepared
from agent.collect.kafka.probe import Visit
from agent.collect.kafka.security import Security
from agent.collect.kafka.throttle import told
from agent.errors import ConfigError, ConnectError
from checks.facts import Unknown, Why

Endpoint = tuple[str, int]

ALLOWED = frozenset({1, 2, 3, 9, 10, 15, 16, 17, 18, 32, 35, 36, 46, 48, 55, 61, 65, 66, 69, 75, 77, 89, 90})
"""API keys that may be sent: reading ones alone. A test on the wire holds collectors to it."""

_WHY = {
    Cause.TIMED_OUT: Why.DEADLINE,
    Cause.WRONG_CREDENTIALS: Why.DENIED,
    Cause.SASL_REQUIRED: Why.DENIED,
    Cause.CLIENT_CERTIFICATE_REQUIRED: Why.DENIED,
    Cause.CLIENT_CERTIFICATE_REFUSED: Why.DENIED,
    Cause.TOKEN_REFUSED: Why.DENIED,
    Cause.UNSUPPORTED_BROKER: Why.UNSUPPORTED,
}
_ADVERTISED = {
    Cause.DNS: "let DNS or the hosts file here know it, or set a name in the broker's advertised.listeners that resolves here",
    Cause.CERTIFICATE_HOSTNAME: "set a name in the broker's advertised.listeners that its certificate holds",
} | dict.fromkeys(
    (Cause.REFUSED, Cause.TIMED_OUT, Cause.UNREACHABLE),
    "is the broker up? else open the way there, or set an address in its advertised.listeners that is reached from here",
)
"""The mend where a broker is not reached at the address that it tells clients to come to: nobody here has written that."""


class Patience:
    """Seconds left: of the whole cycle, and of the request that is under way."""

    def __init__(self, seconds: float, each: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.end = clock() + seconds
        self._half = self.end - seconds / 2
        self.each = each
        self._request_end = self.end

    def another(self, each: float | None = None) -> "Patience":
        """Of the same cycle, for a request beside this one; `each`: one that may take so many seconds."""
        return Patience(self.end - self._clock(), self.each if each is None else each, self._clock)

    def begin(self) -> None:
        self._request_end = min(self.end, self._clock() + self.each)

    def __call__(self) -> float:
        left = self._request_end - self._clock()
        if left <= 0:
            raise LateError
        return left

    @property
    def over(self) -> bool:
        return self._clock() >= self.end

    @property
    def left(self) -> float:
        """Seconds, of the cycle; 0 when it is over."""
        return max(0.0, self.end - self._clock())

    @property
    def halved(self) -> bool:
        """Half of the cycle is over."""
        return self._clock() >= self._half

    @property
    def scarce(self) -> bool:
        """What is left of the cycle is no more than one request may take: it is for what has not been asked at all."""
        return self._clock() >= self.end - self.each


class Question(NamedTuple):
    """What is asked, and what to make of the answer; with `memos` the same as before where the answer is."""

    kind: Any
    most: int
    """The highest version that is wanted."""
    fields: Callable[[], Mapping[str, Any]]
    make: Callable[[Any], Any] = lambda answer: answer
    memos: Memos | None = None
    read: Callable[[bytes], Any] | None = None
    """What to make of the answer's bytes instead, from version `since` on."""
    write: Callable[[], bytes] | None = None
    """The request's bytes behind its header, instead of `fields` from version `since` on."""
    since: int = 0
    slot: Hashable = None
    """With `what`: where the last look put the same question, which is not built again."""
    what: object = None
    once: bool = False
    """The next look asks something else: nothing of it is kept."""


class Connection:
    """One broker, greeted and authenticated."""

    def __init__(self, endpoint: Endpoint, security: Security, patience: Patience) -> None:
        self.endpoint = endpoint
        self.kept = False
        """From a look before, and it has not answered in this one: the broker may have ended it meanwhile."""
        self.throttled = 0.0
        """Seconds for which it said that it holds us up, since somebody asked."""
        self._stack = ExitStack()
        patience.begin()
        visit = Visit(*endpoint, security, patience, round(patience(), 1))
        try:
            with visit.named():
                secrets = security.sasl_options(patience())
                context = security.ssl_context() if security.protocol.tls else None
                sock = self._stack.enter_context(closing(visit.reach()))
                self.exchange: Exchange = self._stack.enter_context(visit.talk(sock, context))
                self.versions: Mapping[int, tuple[int, int]] = visit.greet(self.exchange)
                visit.check(self.versions)
                if secrets:
                    visit.authenticate(self.exchange, secrets)
                visit.survey(self.exchange, self.versions)
                self.throttled = visit.throttled
        except BaseException:
            self.close()
            raise

    def resume(self, patience: Patience) -> None:
        self.kept, self.exchange.left = True, patience

    def prepared(self, question: Question, node: int | None) -> Prepared:
        """The request, in the highest version that both sides speak, and what becomes of its answer."""
        kind, memos = question.kind, question.memos
        key, version = kind.API_KEY, self._common(question)
        if key not in ALLOWED:
            raise AssertionError(f"API {key} is not one that only reads")
        by_hand = question.read is not None and version >= question.since

        def build() -> Framed:
            if by_hand and question.write is not None:
                return Written(key, version, question.write())
            return Framed(kind(version=version, **question.fields()))

        whom = f"{node} {self.endpoint}"
        if memos is None or question.slot is None:
            request = build()
        else:
            request = memos.framed((whom, key, version, question.slot), question.what, build)
        make = question.read if by_hand and question.read is not None else question.make
        flexible = kind.flexible_version_q(version)

        def finish(asked: bytes, body: bytes) -> Any:
            self.throttled += told(key, version, body, flexible=flexible)
            try:
                if memos is None or question.once:
                    return understood(body, request, make, raw=by_hand)
                return made(asked, body, request, make, memos, whom, raw=by_hand)
            except OddError:
                name, place = kind.__name__.removesuffix("Request"), f"{self.endpoint[0]}:{self.endpoint[1]}"
                return Unknown(Why.UNREACHABLE, f"{place} gave a strange answer to {name}")

        return Prepared(request, finish)

    def speaks(self, question: Question) -> bool:
        """Whether it knows a version of the question that we know."""
        return self._common(question) >= self.versions.get(question.kind.API_KEY, (0, -1))[0]

    def _common(self, question: Question) -> int:
        return min(self.version(question.kind.API_KEY), question.most)

    def version(self, key: int) -> int:
        """The highest version of an API that the broker speaks, -1 if it does not know it."""
        return self.versions.get(key, (0, -1))[1]

    def close(self) -> None:
        self._stack.close()


def connected(endpoint: Endpoint, security: Security, patience: Patience, *, ours: bool) -> Connection | Unknown:
    """One connection more, or why there is none; `ours`: we were told to come there, not the broker tells everybody to."""
    place = f"{endpoint[0]}:{endpoint[1]}"
    try:
        return Connection(endpoint, security, patience)
    except ConnectError as error:
        cause = Cause(error.cause)
        mend = error.mend if ours else _ADVERTISED.get(cause, error.mend)
        return Unknown(_WHY.get(cause, Why.UNREACHABLE), error.what, mend)
    except ConfigError as error:
        return Unknown(Why.OFF, str(error))
    except LateError:
        return Unknown(Why.DEADLINE, f"no time was left to connect to {place}")
    except (ClosedError, OSError, ssl.SSLError):
        return Unknown(Why.UNREACHABLE, f"{place} closed the connection")
