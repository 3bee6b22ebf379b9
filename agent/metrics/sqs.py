"""The series of the queues of one account and region."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from agent.metrics.families import DEAD_LETTERS, QUEUE_DELAYED, QUEUE_IN_FLIGHT, QUEUE_LAST, QUEUE_VISIBLE
from agent.metrics.held import Held, Span, held
from agent.metrics.text import Family, Lines, escape
from checks.facts import DeadLettersOf, Facts, Queue, SqsSnapshot, Unknown

_DEPTHS = (QUEUE_VISIBLE, QUEUE_IN_FLIGHT, QUEUE_DELAYED)


class SqsKept(NamedTuple):
    """What the next rendering may need of this one."""

    queues: Held[Queue]
    """By name."""
    dead_letters: Held[tuple[str, int]]
    """Name and depth of the queues that others redrive into; by name, those that were not chosen by ARN."""

    @property
    def oldest(self) -> float:
        return min(self.queues.oldest, self.dead_letters.oldest)


def sqs_lines(facts: Facts, snapshot: SqsSnapshot, before: SqsKept | None, span: Span) -> tuple[Lines, SqsKept]:
    """Lines by family, sorted by names."""
    lines: defaultdict[Family, list[str]] = defaultdict(list)
    target = f'target="{escape(str(facts.address))}"'
    kept = _kept(facts, snapshot, before, span)
    for name, queue in sorted(kept.queues.all().items(), key=lambda item: item[0]):
        place = f'{{{target},queue="{escape(name)}"}}'
        for family, value in zip(_DEPTHS, (queue.visible, queue.in_flight, queue.delayed), strict=True):
            if not isinstance(value, Unknown):
                lines[family].append(f"{family.name}{place} {value}")
    letters = {key: (name, _depth(kept, key, was)) for key, (name, was) in kept.dead_letters.all().items()}
    lines[DEAD_LETTERS] += [
        f'{DEAD_LETTERS.name}{{{target},queue="{escape(name)}"}} {visible}'
        for name, visible in sorted(letters.values())
    ]
    ages = {name: at for name, (_, at) in kept.queues.old.items()}
    ages |= {name: at for key, ((name, _), at) in kept.dead_letters.old.items() if key not in kept.queues.items}
    lines[QUEUE_LAST] += [
        f'{QUEUE_LAST.name}{{{target},queue="{escape(name)}"}} {at!r}' for name, at in sorted(ages.items())
    ]
    return lines, kept


def _depth(kept: SqsKept, key: str, was: int) -> int:
    """Of a dead-letter queue: whether it is still one may be unknown while its depth is not."""
    queue = kept.queues.items.get(key)
    return was if queue is None or isinstance(queue.visible, Unknown) else queue.visible


def _kept(facts: Facts, snapshot: SqsSnapshot, before: SqsKept | None, span: Span) -> SqsKept:
    everything = {**snapshot.queues.items, **snapshot.others}
    unseen = {name for name, queue in everything.items() if isinstance(queue, Unknown)}
    queues = {name: queue for name, queue in snapshot.queues.items.items() if not isinstance(queue, Unknown)}
    letters = dict(_dead_letters(facts, snapshot))
    unproven = {name for name in queues.keys() - letters.keys() if _doubtful(facts, name)}
    return SqsKept(
        held(queues, unseen, before.queues if before else None, span),
        held(letters, unseen | unproven, before.dead_letters if before else None, span),
    )


def _doubtful(facts: Facts, name: str) -> bool:
    """Whether some queue may redrive into it that can't be seen."""
    sources = facts.get(DeadLettersOf, facts.address.under("queues", name))
    return isinstance(sources, Unknown) or sources.others is not None


def _dead_letters(facts: Facts, snapshot: SqsSnapshot) -> Iterator[tuple[str, tuple[str, int]]]:
    """The queues that others redrive into, as far as that is proven."""
    names = set(snapshot.queues.items)
    for name, queue in snapshot.queues.items.items():
        if isinstance(queue, Unknown) or isinstance(queue.visible, Unknown):
            continue
        sources = facts.get(DeadLettersOf, facts.address.under("queues", name))
        if not isinstance(sources, Unknown) and sources.queues:
            yield name, (name, queue.visible)
    for arn, queue in sorted(snapshot.others.items(), key=lambda item: item[0]):
        if isinstance(queue, Unknown) or isinstance(queue.visible, Unknown):
            continue
        # one of another account or region may have a name that is also here
        name = arn if queue.name in names else queue.name
        names.add(name)
        yield arn, (name, queue.visible)
