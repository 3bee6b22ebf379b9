"""From a snapshot and its history to facts."""

from checks.facts.history import History, Snapshot
from checks.facts.kafka import KafkaSnapshot
from checks.facts.of_kafka import KafkaFacts
from checks.facts.of_sqs import SqsFacts
from checks.facts.target import Facts


def facts_of(snapshot: Snapshot, history: History, before: Facts | None = None) -> Facts:
    """The facts of the target that `snapshot` shows. `history` has it as its newest frame.

    What is derived from the very same facts as in the look `before` is taken from there.
    """
    if isinstance(snapshot, KafkaSnapshot):
        return KafkaFacts(snapshot, history, before if isinstance(before, KafkaFacts) else None)
    return SqsFacts(snapshot, history, before if isinstance(before, SqsFacts) else None)
