from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import NEVER, BrokerConfigs, HeldBack, TopicLogs, Unknown, Why, known
from checks.facts.offsets import Rows
from checks.wording import count, listed, shell, shown, span

_LONGEST = "transaction.max.timeout.ms"


@check(kind=Kind.CONDITION, severity=Severity.WARNING)
def hanging_transaction(
    held: HeldBack, logs: TopicLogs | Unknown, brokers: BrokerConfigs, *, limit: timedelta = minutes(15)
) -> Iterator[Problem]:
    """A transaction is open for longer than any may be, and keeps what follows from consumers.

    Why: whoever reads committed records alone (isolation.level=read_committed: every Kafka Streams application with
        exactly-once) stops at its first record, on that partition, for ever; compaction stops there too. Lag grows though
        the consumers are well.
    How: the last stable offset lies before the log end and does not move (ListOffsets). Where READ on the topic shows the
        producer (DescribeProducers) and DESCRIBE on transactional ids its coordinator (ListTransactions), that one says since
        when the transaction is open (DescribeTransactions); elsewhere it has to stand still for so long in history. The
        record's own time proves nothing: a copied record keeps an old one. Old records without such proof are a gap.
    Limits: `limit`, 15 minutes, or the brokers' transaction.max.timeout.ms where that is longer: a coordinator aborts what
        has run out of time by then.
    Silent when: the last stable offset moves. On topics with remote storage no look-up is made: such partitions are not
        judged.
    Source: KIP-664 (kafka-transactions.sh find-hanging has the same limit); Apache Kafka documentation,
        transaction.max.timeout.ms.
    """
    if not held.partition.size:
        return
    told = (held.offset >= 0) & (held.end >= 0)
    allowed, unknown = _allowed(brokers)
    longest = max(limit.total_seconds(), allowed)
    open_for = held.at - held.started / 1000
    if (held.started < 0).any():
        stood = known(known(logs).standing(held.topic))[held.partition]
        open_for = np.where(held.started >= 0, open_for, stood)
    old = np.flatnonzero(told & (open_for >= longest))
    if old.size:
        worst = old[np.argsort(-open_for[old], kind="stable")]
        yield _problem(held, worst, float(open_for[worst[0]]))
        if unknown is not None:
            known(unknown)
    doubtful = np.flatnonzero(~told | ((held.started < 0) & (open_for < longest) & ~(held.age < longest)))
    if doubtful.size:
        place = f"{held.topic}/{int(held.partition[doubtful[0]])}"
        known(
            Unknown(
                Why.YOUNG,
                f"a transaction holds back {place}: its record is old, but not how long it is open",
                f"{span(longest)} of history, or READ on the topic and DESCRIBE on transactional ids",
            )
        )


def _allowed(brokers: BrokerConfigs) -> tuple[float, Unknown | None]:
    """Seconds that brokers let a transaction take, as far as they tell, and why one does not."""
    told = [config if isinstance(config, Unknown) else config.number(_LONGEST) for config in brokers.all.values()]
    unknown = next((one for one in told if isinstance(one, Unknown)), None)
    return max((one / 1000 for one in told if not isinstance(one, Unknown)), default=0.0), unknown


def _problem(held: HeldBack, rows: Rows, age: float) -> Problem:
    worst = int(rows[0])
    partition, offset = int(held.partition[worst]), int(held.offset[worst])
    behind = int((held.end[rows] - held.offset[rows]).sum())
    where = listed([str(p) for p in held.partition[rows].tolist()], 8)
    producer, owner = int(held.producer[worst]), held.owner[worst]
    place = f"--topic {shell(held.topic)} --partition {partition}"
    seen = [
        Seen(f"transactions[{partition}].offset", offset, "offset"),
        Seen(f"end[{partition}]", int(held.end[worst]), "offset"),
    ]
    exact = held.started[worst] >= 0
    if exact:
        unit = "seconds since the epoch, when it began"
        seen.append(Seen(f"transactions[{partition}].started", int(held.started[worst]) / 1000, unit))
    if owner:
        seen.append(Seen(f"transactions[{partition}].owner", owner, "transactional id"))
    elif producer != NEVER:
        seen.append(Seen(f"transactions[{partition}].producer", producer, "id of the producer"))
    who = (
        f"transactional id {shown(owner)}" if owner else f"producer {producer}" if producer != NEVER else "its producer"
    )
    return Problem(
        summary=f"a transaction of {who} is open for {'' if exact else 'at least '}{span(age)} on topic {shown(held.topic)}: "
        f"{count(behind, 'record')} in {'partition' if rows.size == 1 else 'partitions'} {where} "
        f"{'is' if behind == 1 else 'are'} kept from who reads committed ones",
        evidence=tuple(seen),
        fix=Fix(
            f"See whether {who} still lives, and restart it: it then aborts what it left. Where nobody owns it, it hangs: "
            f"kafka-transactions.sh abort {place} --start-offset {offset} ends it, and what it wrote is never seen.",
            f"kafka-transactions.sh --bootstrap-server $BOOTSTRAP describe-producers {place}",
        ),
    )
