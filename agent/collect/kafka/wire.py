"""Connections to the brokers of one cluster, for one cycle or kept for the next: all brokers at once, and each request with its own deadline.

It stands on kafka-python's message and SASL classes and on sockets of our own: its connection manager loses an answer
that is followed at once by end of file, and can't be told a deadline that covers TLS handshakes.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from agent.collect.kafka.connection import Connection, Endpoint, Patience, Question, connected
from agent.collect.kafka.exchange import ClosedError, LateError, Memos, StrangeError
from agent.collect.kafka.fanout import Line, converse
from agent.collect.kafka.idle import Idle
from agent.collect.kafka.lockout import Doors
from agent.collect.kafka.security import Security
from agent.collect.kafka.throttle import LEAST
from agent.collect.targets import Calls
from checks.facts import Unknown, Why
from checks.facts.codes import BUDGET_SPENT, LESS_THROTTLE, MORE_REQUESTS, throttled
from checks.wording import span

T = TypeVar("T")


class Wire:
    """The brokers of one cluster. A broker that failed once is not asked again in this cycle."""

    def __init__(
        self,
        bootstrap: Sequence[Endpoint],
        security: Security,
        patience: Patience,
        calls: Calls | None = None,
        memos: Memos | None = None,
        idle: Idle | None = None,
        doors: Doors | None = None,
    ) -> None:
        self._doors = doors or Doors(security.secrets)
        self._calls = calls or Calls()
        self.memos = memos or Memos()
        self._idle = idle
        self._spent: Counter[Endpoint] = Counter()
        """Requests to each broker in this cycle, beside those that greet it."""
        self._wanted: set[Endpoint] = set()
        """Who was to be asked more than the budget has."""
        self._throttled: Counter[Endpoint] = Counter()
        """Milliseconds for which each said that it holds us up."""
        self._entered: set[Endpoint] = set()
        """Who has let us in."""
        self._security = security
        self.patience = patience
        self._links: dict[Endpoint, Connection | Unknown] = {}
        self._endpoints: dict[int, Endpoint] = {}
        self._bootstrap = tuple(bootstrap)
        self._lock = threading.Lock()
        self._over = False
        if idle is not None:
            idle.begin()
        self._seed = self._first(bootstrap)

    def _first(self, bootstrap: Sequence[Endpoint]) -> Endpoint:
        """Who lets us in first. Hosts that are silent leave time for those behind them, and for the look; what one has
        refused is shown to no other in this look: accounts are locked after some wrong passwords.
        """
        causes: list[Unknown] = []
        places = sorted(bootstrap, key=self._doors.refusals)
        for i, endpoint in enumerate(places):
            if (closed := self._doors.of(endpoint).closed()) is not None:
                causes.append(closed)
                continue
            self._reach((endpoint,), min(self.patience.each, self.patience.left / (len(places) - i + 1)))
            link = self._link(endpoint)
            if not isinstance(link, Unknown):
                return endpoint
            causes.append(link)
            if link.why is Why.DENIED and self._security.protocol.sasl:
                break
        # A refusal by a broker that answered says more than a host that does not.
        raise UnreachableError(min(causes, key=lambda cause: cause.why is not Why.DENIED))

    def know(self, brokers: Mapping[int, Endpoint]) -> None:
        """Where the brokers are, as they advertise it."""
        self._endpoints = dict(brokers)

    def ask(self, node: int | None, kind: Any, most: int, **fields: Any) -> Any:
        """The answer of one broker (None: of any), or Unknown: never raises for what is outside."""
        return self._answers([(node, Question(kind, most, lambda: fields))])[0]

    def made(self, make: Callable[[Any], T], node: int | None, kind: Any, most: int, **fields: Any) -> T | Unknown:
        """What `make` makes of that answer: the very same object as in the look before while its bytes are the same.

        `make` knows nothing but the question, the broker and the answer.
        """
        found: T | Unknown = self.put(Question(kind, most, lambda: fields, make), node)
        return found

    def put(self, question: Question, node: int | None) -> Any:
        """As `made`, for questions that are big or have big answers."""
        return self.put_all([(node, question)])[0]

    def put_all(self, asks: Sequence[tuple[int | None, Question]]) -> list[Any]:
        """As `put`, of many brokers at once and with several questions under way to each: the answers in the same order."""
        return self._answers([(node, question._replace(memos=self.memos)) for node, question in asks])

    def _answers(self, asks: Sequence[tuple[int | None, Question]]) -> list[Any]:
        anybody = [i for i, (node, _) in enumerate(asks) if node is None]
        first = self._somebody() if anybody else None
        answers = self._told(
            [(first if node is None else self._endpoints.get(node), node, question) for node, question in asks]
        )
        # What every broker knows does not fall with the one asked first. One more try: a silent broker costs time.
        again = [i for i in anybody if isinstance(answers[i], Unknown)]
        second = self._somebody() if again else first
        if second != first:
            for i, answer in zip(again, self._told([(second, *asks[i]) for i in again]), strict=True):
                answers[i] = answer
        return answers

    def _somebody(self) -> Endpoint:
        """The broker we came in by; once it has failed, another one that lets us in."""
        candidates = (self._seed, *self._endpoints.values(), *self._bootstrap)
        return next((place for place in candidates if isinstance(self._reached(place), Connection)), self._seed)

    def _told(self, asks: Sequence[tuple[Endpoint | None, int | None, Question]]) -> list[Any]:
        """The answers of whoever is at these places, for the node that was meant."""
        answers: dict[int, Any] = {}
        places: dict[Endpoint, list[int]] = {}
        for i, (endpoint, node, _) in enumerate(asks):
            if endpoint is None:
                answers[i] = Unknown(Why.UNREACHABLE, f"broker {node} is down")
            else:
                places.setdefault(endpoint, []).append(i)
        while places:
            self._reach(places)
            places = self._spoken(places, asks, answers)
        return [answers[i] for i in range(len(asks))]

    def _spoken(
        self,
        places: Mapping[Endpoint, list[int]],
        asks: Sequence[tuple[Endpoint | None, int | None, Question]],
        answers: dict[int, Any],
    ) -> dict[Endpoint, list[int]]:
        """Puts those questions to these brokers at once. What is left is to be put again, on new connections: a broker ends
        one that was kept when it likes, and that says nothing of it.
        """
        lines: list[tuple[Connection, list[int], Line]] = []
        for endpoint, mine in places.items():
            link = self._link(endpoint)
            if isinstance(link, Unknown):
                answers |= dict.fromkeys(mine, link)
                continue
            able = [i for i in mine if link.speaks(asks[i][2])]
            answers |= {i: _too_old(endpoint, asks[i][2]) for i in mine if i not in able}
            able, over = self._allowed(endpoint, able)
            answers |= dict.fromkeys(over, _spent(endpoint, self._calls.budget))
            questions = (partial(link.prepared, asks[i][2], asks[i][1]) for i in able)
            lines.append((link, able, Line(link.exchange, questions, self.patience.each)))
        converse([line for _, _, line in lines], self.patience.end)
        again: dict[Endpoint, list[int]] = {}
        for link, able, line in lines:
            self._held_up(link)
            if link.kept and not line.answers and isinstance(line.failure, ClosedError):
                link.close()
                del self._links[link.endpoint]
                self._entered.discard(link.endpoint)
                again[link.endpoint] = able
                continue
            link.kept = link.kept and not line.answers
            answers |= zip(able, line.answers, strict=False)
            for i in able[: len(line.answers)]:
                self._calls.add(_name(asks[i][2]), "ok")
            if line.failure is not None:
                left = able[len(line.answers) :]  # none, if it went on after its last answer
                lost = self._lost(link, asks[(left or able)[0]][2], line.failure)
                answers |= dict.fromkeys(left, lost)
        return again

    def _allowed(self, endpoint: Endpoint, asked: list[int]) -> tuple[list[int], list[int]]:
        """Those that the broker's budget allows, and the others."""
        budget = self._calls.budget
        most = len(asked) if budget is None else max(0, budget - self._spent[endpoint])
        able = asked[:most]
        if most < len(asked):
            self._wanted.add(endpoint)
        self._spent[endpoint] += len(able)
        self._calls.sent(f"{endpoint[0]}:{endpoint[1]}", len(able))
        return able, asked[most:]

    def reach(self, nodes: Iterable[int]) -> None:
        """Connects to several brokers at once: one that does not answer must not take the others' time."""
        self._reach(endpoint for node in nodes if (endpoint := self._endpoints.get(node)) is not None)

    def _reach(self, endpoints: Iterable[Endpoint], each: float | None = None) -> None:
        """Each in a thread of its own: a host that is silent, or a name that nobody resolves, holds up no other, and not
        the look. `each`: seconds for one.
        """
        todo = [endpoint for endpoint in endpoints if endpoint not in self._links]
        each = self.patience.each if each is None else each
        threads = [threading.Thread(target=self._link, args=(endpoint, each), daemon=True) for endpoint in todo]
        for thread in threads:
            thread.start()
        end = min(self.patience.end, time.monotonic() + each + _GRACE)
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        with self._lock:
            for host, port in todo:  # the resolver keeps nobody's time
                late = f"{host}:{port} was not reached within {each:.2g} s"
                self._links.setdefault((host, port), Unknown(Why.DEADLINE, late, _NAME_SERVER))

    def _lost(self, link: "Connection", question: Question, error: Exception) -> Unknown:
        """A broker that fails is not asked again in this cycle."""
        place, name = f"{link.endpoint[0]}:{link.endpoint[1]}", _name(question)
        if isinstance(error, LateError):
            failure = self._late(link.endpoint, f"{place} did not answer {name} in time")
        elif isinstance(error, StrangeError):
            failure = Unknown(Why.UNREACHABLE, f"{place} answered {name} with something that is not Kafka's protocol")
        else:
            failure = Unknown(Why.UNREACHABLE, f"{place} closed the connection instead of answering {name}")
        self._calls.add(name, failure.why)
        link.close()
        self._links[link.endpoint] = failure
        return failure

    def _late(self, endpoint: Endpoint, what: str) -> Unknown:
        seconds = self._throttled[endpoint] / 1000
        if seconds < LEAST:
            return Unknown(Why.DEADLINE, what)
        broker = next((f"broker {node}" for node, place in self._endpoints.items() if place == endpoint), "it")
        return Unknown(Why.DEADLINE, f"{what}: throttled by {broker} for {span(seconds)}", LESS_THROTTLE)

    def _held_up(self, link: Connection) -> None:
        """Takes over what a broker has said of its quotas."""
        seconds, link.throttled = link.throttled, 0.0
        if seconds:
            self._throttled[link.endpoint] += round(seconds * 1000)
            self._calls.throttled(f"{link.endpoint[0]}:{link.endpoint[1]}", seconds)

    def held(self, node: int | None) -> int:
        """The code of ours that says what kept a broker from answering in time; 0 where none does."""
        endpoint = None if node is None else self._endpoints.get(node)
        if endpoint is None:
            return 0
        if isinstance(self._links.get(endpoint), Unknown) and self._throttled[endpoint] >= LEAST * 1000:
            return throttled(self._throttled[endpoint] / 1000)
        return BUDGET_SPENT if endpoint in self._wanted else 0

    def nobody(self) -> Unknown | None:
        """Why no broker of the cluster lets us in where it tells clients to come to; None where one has.

        Who was not tried so far is tried only if none of the others has.
        """
        places = list(dict.fromkeys(self._endpoints.values()))
        if not places or not self._entered.isdisjoint(places):
            return None
        self._reach(places)
        lost = [link for place in places if isinstance(link := self._link(place), Unknown)]
        if len(lost) < len(places):
            return None
        # A refusal by a broker that answered says more than a host that does not.
        first = min(lost, key=lambda unknown: unknown.why is not Why.DENIED)
        many = len(self._endpoints)
        who = (
            f"none of the {many} brokers of the cluster lets us in"
            if many > 1
            else "the only broker of the cluster does not let us in"
        )
        return Unknown(first.why, f"{who} where it tells clients to come to: {first.detail}", first.close)

    def link(self, node: int) -> Unknown | None:
        """Why a broker can't be used; None if it can."""
        made = self._reached(self._endpoints[node])
        return made if isinstance(made, Unknown) else None

    def version(self, node: int | None, key: int) -> int:
        endpoint = self._somebody() if node is None else self._endpoints.get(node)
        link = None if endpoint is None else self._reached(endpoint)
        return link.version(key) if isinstance(link, Connection) else -1

    def _reached(self, endpoint: Endpoint) -> Connection | Unknown:
        self._reach((endpoint,))
        return self._link(endpoint)

    def _link(self, endpoint: Endpoint, each: float | None = None) -> Connection | Unknown:
        if endpoint not in self._links:
            made = self._kept(endpoint) or self._connected(endpoint, each or self.patience.each)
            with self._lock:
                kept = self._links.setdefault(endpoint, _ENDED if self._over else made)
                if isinstance(kept, Connection):
                    self._entered.add(endpoint)
            if kept is not made and isinstance(made, Connection):
                made.close()  # somebody else was faster, or the look was over by then
        return self._links[endpoint]

    def _kept(self, endpoint: Endpoint) -> Connection | None:
        link = self._idle.take(endpoint) if self._idle is not None else None
        if link is not None:
            link.resume(self.patience.another())
        return link

    def _connected(self, endpoint: Endpoint, each: float) -> Connection | Unknown:
        door = self._doors.of(endpoint)
        if (closed := door.closed()) is not None:
            return closed
        made = connected(endpoint, self._security, self.patience.another(each), ours=endpoint in self._bootstrap)
        if isinstance(made, Connection):
            door.entered()
            self._held_up(made)
        elif self._security.protocol.sasl:  # who shows no secret is refused by closing, as a broker that fails does it
            door.refused(made)
        self._calls.add("Connect", made.why if isinstance(made, Unknown) else "ok")
        return made

    def close(self) -> None:
        with self._lock:
            self._over = True
            links, self._links = self._links, dict.fromkeys(self._links, _ENDED)
        open_ = [link for link in links.values() if isinstance(link, Connection)]
        if self._idle is not None:
            self._idle.leave(open_)
            return
        for link in open_:
            link.close()


_ENDED = Unknown(Why.DEADLINE, "the look is over")
_NAME_SERVER = "see whether its name resolves here in time"
_GRACE = 0.2
"""Seconds in which a connection that is late says why."""


def _name(question: Question) -> str:
    name: str = question.kind.__name__
    return name.removesuffix("Request")


def _too_old(endpoint: Endpoint, question: Question) -> Unknown:
    return Unknown(Why.UNSUPPORTED, f"{endpoint[0]}:{endpoint[1]} is too old for {_name(question)}")


def _spent(endpoint: Endpoint, budget: int | None) -> Unknown:
    what = f"{endpoint[0]}:{endpoint[1]} was asked the {budget} requests that one look may take"
    return Unknown(Why.DEADLINE, what, MORE_REQUESTS)


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
    idle: Idle | None = None,
    doors: Doors | None = None,
) -> Iterator[Wire]:
    """Connections for one cycle of at most `seconds`; a request may take a third of it. With `idle` they outlive it, and with
    `doors` it is known who has refused what one comes in with.

    Raises:
        UnreachableError: no bootstrap broker can be used.
    """
    wire = Wire(bootstrap, security, Patience(seconds, seconds / 3), calls, memos, idle, doors)
    try:
        yield wire
    finally:
        wire.close()
