"""Connections to the brokers of one cluster, for one cycle: one request after another, each with its own deadline.

It stands on kafka-python's message and SASL classes and on sockets of our own: its connection manager loses an answer
that is followed at once by end of file, and can't be told a deadline that covers TLS handshakes.
"""

import ssl
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, NamedTuple, TypeVar

from agent.collect.kafka.cause import Cause
from agent.collect.kafka.exchange import ClosedError, Exchange, Framed, LateError, Memos, StrangeError, Written
from agent.collect.kafka.probe import Visit
from agent.collect.kafka.security import Security
from agent.collect.targets import Calls
from agent.errors import ConfigError, ConnectError
from checks.facts import Unknown, Why

T = TypeVar("T")

Endpoint = tuple[str, int]

ALLOWED = frozenset({1, 2, 3, 9, 10, 15, 16, 17, 18, 32, 35, 36, 46, 69})
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


class Patience:
    """Seconds left: of the whole cycle, and of the request that is under way."""

    def __init__(self, seconds: float, each: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._each = each
        self._request_end = self._end

    def begin(self) -> None:
        self._request_end = min(self._end, self._clock() + self._each)

    def __call__(self) -> float:
        left = self._request_end - self._clock()
        if left <= 0:
            raise LateError
        return left

    @property
    def over(self) -> bool:
        return self._clock() >= self._end


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


class Connection:
    """One broker, greeted and authenticated."""

    def __init__(self, endpoint: Endpoint, security: Security, patience: Patience) -> None:
        self.endpoint = endpoint
        self._patience = patience
        self._stack = ExitStack()
        patience.begin()
        visit = Visit(*endpoint, security, patience, round(patience(), 1))
        try:
            with visit.named():
                secrets = security.sasl_options(patience())
                context = security.ssl_context() if security.protocol.tls else None
                sock = self._stack.enter_context(closing(visit.reach()))
                self._exchange: Exchange = self._stack.enter_context(visit.talk(sock, context))
                self.versions: Mapping[int, tuple[int, int]] = visit.greet(self._exchange)
                visit.check(self.versions)
                if secrets:
                    visit.authenticate(self._exchange, secrets)
                visit.survey(self._exchange, self.versions)
        except BaseException:
            self.close()
            raise

    def ask(self, question: Question, node: int | None) -> Any:
        """What is made of the answer to one request, in the highest version that both sides speak."""
        kind, memos = question.kind, question.memos
        key = kind.API_KEY
        if key not in ALLOWED:
            raise AssertionError(f"API {key} is not one that only reads")
        lowest, highest = self.versions.get(key, (0, -1))
        version = min(highest, question.most)
        if version < lowest:
            raise UnsupportedError(kind.__name__)
        self._patience.begin()
        if memos is None:
            return question.make(self._exchange.ask(kind(version=version, **question.fields())))
        whom = f"{node} {self.endpoint}"
        by_hand = question.read is not None and version >= question.since

        def build() -> Framed:
            if by_hand and question.write is not None:
                return Written(key, version, question.write())
            return Framed(kind(version=version, **question.fields()))

        if question.slot is None:
            request = build()
        else:
            request = memos.framed((whom, key, version, question.slot), question.what, build)
        if by_hand and question.read is not None:
            return self._exchange.made(request, question.read, memos, whom, raw=True)
        return self._exchange.made(request, question.make, memos, whom)

    def version(self, key: int) -> int:
        """The highest version of an API that the broker speaks, -1 if it does not know it."""
        return self.versions.get(key, (0, -1))[1]

    def close(self) -> None:
        self._stack.close()


class UnsupportedError(Exception):
    """The broker is too old for the request."""


class Wire:
    """The brokers of one cluster. A broker that failed once is not asked again in this cycle."""

    def __init__(
        self,
        bootstrap: Sequence[Endpoint],
        security: Security,
        patience: Patience,
        calls: Calls | None = None,
        memos: Memos | None = None,
    ) -> None:
        self._calls = calls or Calls()
        self.memos = memos or Memos()
        self._security = security
        self.patience = patience
        self._links: dict[Endpoint, Connection | Unknown] = {}
        self._endpoints: dict[int, Endpoint] = {}
        self._bootstrap = tuple(bootstrap)
        self._seed = self._first(bootstrap)

    def _first(self, bootstrap: Sequence[Endpoint]) -> Endpoint:
        causes: list[Unknown] = []
        for endpoint in bootstrap:
            link = self._link(endpoint)
            if not isinstance(link, Unknown):
                return endpoint
            causes.append(link)
        # A refusal by a broker that answered says more than a host that does not.
        raise UnreachableError(min(causes, key=lambda cause: cause.why is not Why.DENIED))

    def know(self, brokers: Mapping[int, Endpoint]) -> None:
        """Where the brokers are, as they advertise it."""
        self._endpoints = dict(brokers)

    def ask(self, node: int | None, kind: Any, most: int, **fields: Any) -> Any:
        """The answer of one broker (None: of any), or Unknown: never raises for what is outside."""
        return self._at(node, Question(kind, most, lambda: fields))

    def made(self, make: Callable[[Any], T], node: int | None, kind: Any, most: int, **fields: Any) -> T | Unknown:
        """What `make` makes of that answer: the very same object as in the look before while its bytes are the same.

        `make` knows nothing but the question, the broker and the answer.
        """
        found: T | Unknown = self.put(Question(kind, most, lambda: fields, make), node)
        return found

    def put(self, question: Question, node: int | None) -> Any:
        """As `made`, for questions that are big or have big answers."""
        return self._at(node, question._replace(memos=self.memos))

    def _at(self, node: int | None, question: Question) -> Any:
        if node is not None:
            endpoint = self._endpoints.get(node)
            if endpoint is None:
                return Unknown(Why.UNREACHABLE, f"broker {node} is down")
            return self._ask(endpoint, question, node)
        first = self._somebody()
        answer = self._ask(first, question)
        # What every broker knows does not fall with the one asked first. One more try: a silent broker costs time.
        second = self._somebody() if isinstance(answer, Unknown) else first
        return answer if second == first else self._ask(second, question)

    def _somebody(self) -> Endpoint:
        """The broker we came in by; once it has failed, another one that lets us in."""
        candidates = (self._seed, *self._endpoints.values(), *self._bootstrap)
        return next((place for place in candidates if isinstance(self._link(place), Connection)), self._seed)

    def _ask(self, endpoint: Endpoint, question: Question, node: int | None = None) -> Any:
        link = self._link(endpoint)
        if isinstance(link, Unknown):
            return link
        place = f"{endpoint[0]}:{endpoint[1]}"
        name = question.kind.__name__.removesuffix("Request")
        try:
            answer = link.ask(question, node)
        except UnsupportedError:
            return Unknown(Why.UNSUPPORTED, f"{place} is too old for {name}")
        except LateError:
            failure = Unknown(Why.DEADLINE, f"{place} did not answer {name} in time")
        except (ClosedError, OSError):
            failure = Unknown(Why.UNREACHABLE, f"{place} closed the connection instead of answering {name}")
        except StrangeError:
            failure = Unknown(Why.UNREACHABLE, f"{place} answered {name} with something that is not Kafka's protocol")
        else:
            self._calls.add(name, "ok")
            return answer
        self._calls.add(name, failure.why)
        link.close()
        self._links[endpoint] = failure
        return failure

    def link(self, node: int) -> Unknown | None:
        """Why a broker can't be used; None if it can."""
        made = self._link(self._endpoints[node])
        return made if isinstance(made, Unknown) else None

    def version(self, node: int | None, key: int) -> int:
        endpoint = self._somebody() if node is None else self._endpoints.get(node)
        link = None if endpoint is None else self._link(endpoint)
        return link.version(key) if isinstance(link, Connection) else -1

    def _link(self, endpoint: Endpoint) -> Connection | Unknown:
        if endpoint not in self._links:
            try:
                self._links[endpoint] = Connection(endpoint, self._security, self.patience)
            except ConnectError as error:
                self._links[endpoint] = Unknown(_WHY.get(Cause(error.cause), Why.UNREACHABLE), error.what, error.mend)
            except ConfigError as error:
                self._links[endpoint] = Unknown(Why.OFF, str(error))
            except LateError:
                self._links[endpoint] = Unknown(
                    Why.DEADLINE, f"no time was left to connect to {endpoint[0]}:{endpoint[1]}"
                )
            except (ClosedError, OSError, ssl.SSLError):
                self._links[endpoint] = Unknown(Why.UNREACHABLE, f"{endpoint[0]}:{endpoint[1]} closed the connection")
            made = self._links[endpoint]
            self._calls.add("Connect", made.why if isinstance(made, Unknown) else "ok")
        return self._links[endpoint]

    def close(self) -> None:
        for link in self._links.values():
            if isinstance(link, Connection):
                link.close()


class UnreachableError(Exception):
    """No bootstrap broker could be used; `unknown` says why."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.detail)
        self.unknown = unknown


@contextmanager
def wired(
    bootstrap: Sequence[Endpoint],
    security: Security,
    seconds: float,
    calls: Calls | None = None,
    memos: Memos | None = None,
) -> Iterator[Wire]:
    """Connections for one cycle of at most `seconds`; a request may take a third of it.

    Raises:
        UnreachableError: no bootstrap broker can be used.
    """
    wire = Wire(bootstrap, security, Patience(seconds, seconds / 3), calls, memos)
    try:
        yield wire
    finally:
        wire.close()
