"""Whether a sample of records is large enough to judge by. One that is not is a gap that says what makes it larger: never a
pass.
"""

from checks.facts import Sample, Topic, Unknown, Why, known
from checks.wording import count, shown

FEW, HELD = 3, 500
"""So many batches do, where they hold so many records: large ones fill any budget before there are many."""
_BUDGETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Megabytes; none may have more."""


def demand_batches(sample: Sample, topic: Topic, enough: int) -> None:
    """
    Raises:
        Unobserved: there are neither `enough` batches, nor FEW that hold HELD records.
    """
    number, held = sample.batch_records.size, int(sample.batch_records.sum())
    if number >= enough or (number >= FEW and held >= HELD):
        return
    times = min(enough / max(1, number), max(FEW / max(1, number), HELD / max(1, held)))
    seen = f"topic {shown(topic.name)}: {count(number, 'batch')} with {count(held, 'record')} in its sample"
    known(too_small(sample, f"{seen}; it takes {enough:,}, or {FEW} with {HELD:,} records", times))


def demand_records(sample: Sample, topic: Topic, enough: int) -> int:
    """How many records were sampled.

    Raises:
        Unobserved: fewer than `enough`.
    """
    records = known(sample.records)
    if records < enough:
        seen = f"topic {shown(topic.name)}: {count(records, 'record')} in its sample; it takes {enough:,}"
        known(too_small(sample, seen, enough / max(1, records)))
    return records


def too_small(sample: Sample, seen: str, times: float) -> Unknown:
    """What `seen` is too little for; so many `times` as much would do."""
    if sample.whole is True:
        return Unknown(Why.YOUNG, seen, "more records: these are all that the topic holds")
    if isinstance(sample.budget, Unknown):
        return Unknown(Why.OFF, seen, "a larger budget: --sample-budget, or sample: {topics: [...], budget: ...}")
    # A quarter more than it takes: the next batches are not as these.
    least = max(2.0, 1.25 * times) * sample.budget / 1e6
    wanted = next((budget for budget in _BUDGETS if budget >= least), None)
    if wanted is None:
        return Unknown(
            Why.OFF, seen, "no budget reads so much: a lower `enough` of the check, in the configuration's limits"
        )
    close = f"a larger budget: --sample-budget {wanted}MB, or sample: {{topics: [...], budget: {wanted}MB}}"
    return Unknown(Why.OFF, seen, close)
