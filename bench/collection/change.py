"""What happens between two looks: some groups read on, what was written since to topics that nobody else reads."""

from collections.abc import Mapping, Sequence


def some(reads: Mapping[str, Sequence[str]], share: float, turn: int) -> tuple[list[str], set[str]]:
    """The groups that read on and the topics that are written to; `share` of all groups, others at each turn.

    Groups that read the same topics are chosen together: no other group falls behind.
    """
    by_topic = sorted(reads, key=lambda name: reads[name][0])
    count = round(len(by_topic) * share)
    first = turn * count % len(by_topic)
    chosen = [*by_topic, *by_topic][first : first + count]
    others = {topic for name in reads.keys() - set(chosen) for topic in reads[name]}
    return chosen, {topic for name in chosen for topic in reads[name]} - others
