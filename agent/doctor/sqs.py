"""The queues of one account and region: who we are there, what we may do, what a look costs before the first one is paid."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import Any

from agent.collect.aws.rights import (
    ASSUME_ROLE,
    GET_QUEUE_ATTRIBUTES,
    GET_QUEUE_URL,
    GET_RESOURCES,
    LIST_QUEUES,
    LIST_SOURCES,
    Right,
    arn,
    statements,
)
from agent.collect.aws.session import Session, opened
from agent.collect.aws.sqs import Look, SqsCollector, SqsSettings, reason
from agent.collect.targets import Calls
from agent.doctor.costs import blinded
from agent.doctor.model import Item, State, Subject
from checks import all_checks
from checks.facts import Queue, Unknown, Why
from checks.wording import count, listed, shown, span

_MOST = 50
"""Queues whose attributes are asked for: each is a request that is paid."""
_SKEW = 30.0
"""Seconds by which clocks may differ; AWS refuses what is signed five minutes off."""
_MONTH = 30 * 86400.0
_PAGE = 1000
STANDARD, FIFO = 0.40, 0.50
"""US dollars for a million requests (us-east-1, July 2026; the first million of a month is free for the whole account)."""


@dataclass(slots=True)
class _Answers:
    """What the answers of AWS say besides: seconds by which its clock is behind ours."""

    skew: float | None = None

    def heard(self, http_response: Any, **_: object) -> None:
        told = str(http_response.headers.get("date") or "")
        try:
            self.skew = time.time() - parsedate_to_datetime(told).timestamp()
        except ValueError:
            return


def examine(collector: SqsCollector, deadline: float, every: float) -> Subject:
    """`deadline` and `every` in seconds. Never raises for what is outside."""
    s = collector.settings
    name = f"sqs://{collector.place}"
    answers = _Answers()
    try:
        session = opened(s.region, s.profile, s.role_arn, s.external_id, s.endpoint_url, s.threads, deadline, Calls())
        look = Look(s, session, time.time, deadline)
        look.sqs.meta.events.register("after-call.sqs", answers.heard)
    except Exception as error:  # noqa: BLE001 - botocore has no common ancestor for profiles, regions and endpoints
        return Subject(name, (_shut_out(s, error),))
    names, blind = look.discover()
    told = [*blind, *(url for url in names.values() if isinstance(url, Unknown))]
    if told and len(told) >= len(names) and not all(_refused(unknown) for unknown in told):
        return Subject(name, (Item("reachable", State.UNREACHABLE, told[0].detail, mend=told[0].close),))
    chosen = {name: url for name, url in names.items() if s.has(name)}
    identity, account = _identity(session)
    items = [Item("reachable", State.OK, f"SQS answers in {s.region}"), identity]
    items += _rights(look, blind, chosen, account)
    items += [_clock(answers.skew), _cost(s, len(names), list(chosen), every)]
    return Subject(name, tuple(items))


def _shut_out(settings: SqsSettings, error: Exception) -> Item:
    role = settings.role_arn
    unknown = reason(error, f"the role {role}" if role else f"AWS in {settings.region}", ASSUME_ROLE.on(role or "*"))
    grants: tuple[str, ...] = ()
    if role and _refused(unknown):
        grants = (written([{"Effect": "Allow", "Action": [ASSUME_ROLE.action], "Resource": [role]}]),)
    mend = f"{unknown.close}, here and in the role's trust policy" if grants else unknown.close
    return Item("reachable", State.UNREACHABLE, unknown.detail, mend=mend, commands=grants)


def _refused(unknown: Unknown) -> bool:
    """Whether a right is missing; credentials that AWS does not know are none at all."""
    return unknown.why is Why.DENIED and unknown.close.startswith("allow ")


def _identity(session: Session) -> tuple[Item, str]:
    """Who we are, and the account; `*` where that is not told, as behind an endpoint that leads to SQS alone."""
    how = f"credentials by {session.method}"
    try:
        own = session.client("sts").get_caller_identity()
    except Exception as error:  # noqa: BLE001 - as above
        detail = reason(error, "who we are").detail
        return Item("authenticated", State.UNCHECKED, f"{how}; {detail}"), "*"
    return Item("authenticated", State.OK, f"as {shown(str(own['Arn']))}, {how}"), str(own["Account"])


# ── rights ──


def _rights(
    look: Look, blind: tuple[Unknown, ...], names: Mapping[str, str | Unknown | None], account: str
) -> Iterator[Item]:
    s = look.settings
    if s.tags or not s.queues:
        yield _whole(GET_RESOURCES if s.tags else LIST_QUEUES, blind[0] if blind else None)
    if s.read_tags and not s.tags:
        found = look.tags()
        yield _whole(GET_RESOURCES, found if isinstance(found, Unknown) else None)
    sample = dict(list(names.items())[:_MOST])
    urls = {name: url for name, url in sample.items() if isinstance(url, str)}
    read = look.attributes(urls)
    if account == "*":
        account = next((q.arn.split(":")[4] for q in read.values() if isinstance(q, Queue)), "*")
    scope = [arn(s.region, account, name) for name in s.queues] or [arn(s.region, account, f"{s.prefix}*")]

    def tried(right: Right, answers: Mapping[str, object], known: int) -> Item:
        return _limited(right, answers, scope, lambda name: arn(s.region, account, name), known)

    yield tried(GET_QUEUE_ATTRIBUTES, read, len(names))
    asked = {name: url for name, url in sample.items() if isinstance(url, Unknown) or s.queues or s.tags}
    if not asked:
        name = next(iter(names), f"{s.prefix}mqcanary-doctor-{token_hex(6)}")
        asked = {name: look.url(name)}
    yield tried(GET_QUEUE_URL, asked, len(asked))
    queue = next((queue for queue in read.values() if isinstance(queue, Queue)), None)
    yield tried(LIST_SOURCES, {} if queue is None else {queue.name: look.sources_of(queue)}, 1)


def _whole(right: Right, unknown: Unknown | None) -> Item:
    if unknown is None:
        return Item(right.action, State.OK, "allowed")
    if not _refused(unknown):
        return Item(right.action, State.UNCHECKED, unknown.detail)
    return _missing(right, "", statements([right], ()))


def _limited(
    right: Right, answers: Mapping[str, object], scope: list[str], arn_of: Callable[[str], str], known: int
) -> Item:
    """`answers` by queue; denied everywhere it is the scope that lacks the right, else these queues."""
    if not answers:
        return Item(right.action, State.UNCHECKED, "there is no queue to try it on")
    denied = [name for name, fact in answers.items() if isinstance(fact, Unknown) and _refused(fact)]
    if len(denied) == len(answers):
        return _missing(right, "", statements([right], scope))
    if denied:
        return _missing(right, f" on {listed(denied)}", statements([right], [arn_of(name) for name in denied]))
    other = next((fact for fact in answers.values() if isinstance(fact, Unknown)), None)
    if other is not None:
        return Item(right.action, State.UNCHECKED, other.detail)
    tried = f", tried on {len(answers)} of {count(known, 'queue')}" if len(answers) < known else ""
    return Item(right.action, State.OK, f"allowed{tried}")


def _missing(right: Right, where: str, made: list[dict[str, Any]]) -> Item:
    text = f"not allowed{where}: {right.cost}"
    costs = blinded(right.sections, all_checks())
    return Item(right.action, State.MISSING, text, costs=costs, commands=tuple(written([one]) for one in made))


def written(made: list[dict[str, Any]]) -> str:
    """Statements as they stand in a policy."""
    return ",\n".join(json.dumps(one) for one in made)


# ── clocks and money ──


def _clock(skew: float | None) -> Item:
    if skew is None:
        return Item("clock", State.UNCHECKED, "not measurable: AWS's answers had no Date")
    if abs(skew) > _SKEW:
        text = f"this clock is {span(abs(skew))} {'ahead of' if skew > 0 else 'behind'} that of AWS"
        return Item("clock", State.MISSING, text, mend="let it follow a time server (NTP)")
    return Item("clock", State.OK, f"within {span(_SKEW)} of that of AWS")


def _cost(settings: SqsSettings, found: int, chosen: list[str], every: float) -> Item:
    """What one look asks, upwards: the attributes of each queue, the lists, and what finds out who uses a queue."""
    fifo = sum(name.endswith(".fifo") for name in chosen)
    each = 1 + bool(settings.queues or settings.tags) + settings.partial
    lists = 0 if settings.queues or settings.tags else max(1, -(-found // _PAGE))
    looks = _MONTH / every
    standard, ordered = (lists + (len(chosen) - fifo) * each) * looks, fifo * each * looks
    price = (standard * STANDARD + ordered * FIFO) / 1e6
    text = f"at most {count(round((standard + ordered) / looks), 'request')} in one look at {count(len(chosen), 'queue')}, "
    text += f"{round(standard + ordered):,} a month at one each {span(every)}: ${price:,.2f} a month"
    text += f" (${STANDARD:.2f} a million, ${FIFO:.2f} for FIFO queues; the first million of each month is free to the"
    return Item("cost", State.OK, text + " account as a whole, and is not taken off here)")
