from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import NEVER, Arrivals, BrokerConfigs, HeldBack, TopicLogs, Unknown, Why, known
from checks.facts.kafka import Floats, Rows
from checks.wording import count, listed, shell, shown, span

_LONGEST = "transaction.max.timeout.ms"


@check(kind=Kind.CONDITION, severity=Severity.WARNING, polls=2)
def hanging_transaction(
    held: HeldBack, logs: TopicLogs | Unknown, brokers: BrokerConfigs, *, limit: timedelta = minutes(15)
) -> Iterator[Problem]:
    """A transaction is open for longer than any may be, and keeps what follows from consumers.

    Why: whoever reads committed records alone (isolation.level=read_committed: every Kafka Streams application with
        exactly-once) stops at its first record, on that partition, for ever; compaction stops there too. Lag grows though
        the consumers are well.
    How: the last stable offset lies before the log end and is the same in two polls (ListOffsets); look-ups by time find
        since when its record is there. With READ on the topic DescribeProducers says which producer that is, with DESCRIBE
        on transactional ids ListTransactions whose.
    Limits: `limit`, 15 minutes, or the brokers' transaction.max.timeout.ms where that is longer: a coordinator aborts what
        has run out of time by then.
    Silent when: the last stable offset moves; history shows that the record came later than its timestamp says. On topics
        with remote storage no look-up is made: such partitions are not judged.
    Source: KIP-664 (kafka-transactions.sh find-hanging has the same limit); Apache Kafka documentation,
        transaction.max.timeout.ms.
    """
    if not held.partition.size:
        return
    told = (held.offset >= 0) & (held.end >= 0) & (held.until >= 0)
    allowed, unknown = _allowed(brokers)
    longest = max(limit.total_seconds(), allowed)
    old = np.flatnonzero(told & (held.age >= longest))
    if old.size:
        yield from _hanging(held, old, longest, logs)
        if unknown is not None:
            known(unknown)
    if not told.all():
        partition = int(held.partition[np.flatnonzero(~told)[0]])
        known(Unknown(Why.UNSUPPORTED, f"since when a transaction is open on {held.topic}/{partition} is not known"))


def _hanging(held: HeldBack, old: Rows, longest: float, logs: TopicLogs | Unknown) -> Iterator[Problem]:
    age = np.minimum(held.age[old], _arrived(held, old, known(known(logs).arrivals(held.topic))))
    old, age = old[age >= longest], age[age >= longest]
    if old.size:
        order = np.argsort(-age, kind="stable")
        yield _problem(held, old[order], float(age[order][0]))


def _allowed(brokers: BrokerConfigs) -> tuple[float, Unknown | None]:
    """Seconds that brokers let a transaction take, as far as they tell, and why one does not."""
    told = [config if isinstance(config, Unknown) else config.number(_LONGEST) for config in brokers.all.values()]
    unknown = next((one for one in told if isinstance(one, Unknown)), None)
    return max((one / 1000 for one in told if not isinstance(one, Unknown)), default=0.0), unknown


def _arrived(held: HeldBack, rows: Rows, arrivals: Arrivals) -> Floats:
    """Seconds in which the record of each has surely come; infinite where it was there before history begins."""
    before = arrivals.ends[:, held.partition[rows]] <= held.offset[rows]
    last = len(before) - 1 - np.argmax(before[::-1], axis=0)
    return np.where(before.any(axis=0), arrivals.at[-1] - arrivals.at[last], np.inf)


def _problem(held: HeldBack, rows: Rows, age: float) -> Problem:
    worst = int(rows[0])
    partition, offset = int(held.partition[worst]), int(held.offset[worst])
    behind = int((held.end[rows] - held.offset[rows]).sum())
    where = listed([str(p) for p in held.partition[rows].tolist()], 8)
    producer, owner = int(held.producer[worst]), held.owner[worst]
    place = f"--topic {shell(held.topic)} --partition {partition}"
    seen = [
        Seen(f"transactions[{partition}].offset", offset, "offset"),
        Seen(
            f"transactions[{partition}].until",
            int(held.until[worst]) / 1000,
            "seconds since the epoch, of its first record",
        ),
        Seen(f"end[{partition}]", int(held.end[worst]), "offset"),
    ]
    if owner:
        seen.append(Seen(f"transactions[{partition}].owner", owner, "transactional id"))
    elif producer != NEVER:
        seen.append(Seen(f"transactions[{partition}].producer", producer, "id of the producer"))
    who = (
        f"transactional id {shown(owner)}" if owner else f"producer {producer}" if producer != NEVER else "its producer"
    )
    return Problem(
        summary=f"a transaction of {who} is open for {span(age)} on topic {shown(held.topic)}: "
        f"{count(behind, 'record')} in {'partition' if rows.size == 1 else 'partitions'} {where} "
        f"{'is' if behind == 1 else 'are'} kept from who reads committed ones",
        evidence=tuple(seen),
        fix=Fix(
            f"See whether {who} still lives, and restart it: it then aborts what it left. Where nobody owns it, it hangs: "
            f"kafka-transactions.sh abort {place} --start-offset {offset} ends it, and what it wrote is never seen.",
            f"kafka-transactions.sh --bootstrap-server $BOOTSTRAP describe-producers {place}",
        ),
    )
