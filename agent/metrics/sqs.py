"""The series of the queues of one account and region."""

from collections import defaultdict
from collections.abc import Iterator

from agent.metrics.families import DEAD_LETTERS, QUEUE_DELAYED, QUEUE_IN_FLIGHT, QUEUE_VISIBLE
from agent.metrics.text import Family, Lines, escape
from checks.facts import DeadLettersOf, Facts, SqsSnapshot, Unknown


def sqs_lines(facts: Facts, snapshot: SqsSnapshot) -> Lines:
    """Lines by family, sorted by names."""
    lines: defaultdict[Family, list[str]] = defaultdict(list)
    target = f'target="{escape(str(facts.address))}"'
    for name, queue in sorted(snapshot.queues.items.items(), key=lambda item: item[0]):
        if isinstance(queue, Unknown):
            continue
        place = f'{{{target},queue="{escape(name)}"}}'
        for family, value in (
            (QUEUE_VISIBLE, queue.visible),
            (QUEUE_IN_FLIGHT, queue.in_flight),
            (QUEUE_DELAYED, queue.delayed),
        ):
            if not isinstance(value, Unknown):
                lines[family].append(f"{family.name}{place} {value}")
    lines[DEAD_LETTERS] += [
        f'{DEAD_LETTERS.name}{{{target},queue="{escape(name)}"}} {visible}'
        for name, visible in sorted(_dead_letters(facts, snapshot))
    ]
    return lines


def _dead_letters(facts: Facts, snapshot: SqsSnapshot) -> Iterator[tuple[str, int]]:
    """Name and depth of the queues that others redrive into, as far as that is proven."""
    names = set(snapshot.queues.items)
    for name, queue in snapshot.queues.items.items():
        if isinstance(queue, Unknown) or isinstance(queue.visible, Unknown):
            continue
        sources = facts.get(DeadLettersOf, facts.address.under("queues", name))
        if not isinstance(sources, Unknown) and sources.queues:
            yield name, queue.visible
    for arn, queue in sorted(snapshot.others.items(), key=lambda item: item[0]):
        if isinstance(queue, Unknown) or isinstance(queue.visible, Unknown):
            continue
        # one of another account or region may have a name that is also here
        name = arn if queue.name in names else queue.name
        names.add(name)
        yield name, queue.visible
