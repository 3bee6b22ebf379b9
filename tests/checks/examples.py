"""Snapshots from few words, for examples of checks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from checks.check import Check
from checks.evaluate import Finding, Report, evaluate
from checks.facts import (
    NEVER,
    Absence,
    Account,
    Address,
    Broker,
    BrokerConfig,
    Cluster,
    Committed,
    Features,
    Group,
    History,
    KafkaSnapshot,
    Listing,
    LogDir,
    LogEnds,
    Lookups,
    Member,
    Newest,
    OpenTransactions,
    Queue,
    Quorum,
    Quotas,
    Reassignment,
    RedrivePolicy,
    Sample,
    Setting,
    Snapshot,
    SqsSnapshot,
    Storage,
    Topic,
    TopicConfig,
    Unknown,
    Voter,
    Waits,
    Why,
    facts_of,
)
from checks.limits import Limits

AT = 1_800_000_000.0
BLIND = Unknown(Why.UNSUPPORTED, "a topic list is always blind")
ACCOUNT = "111122223333"
TLS_ONLY = json.dumps(
    {
        "Statement": {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    }
)
"""A policy that tls-not-forced has nothing to say of."""


@dataclass(frozen=True)
class Example:
    name: str
    snapshots: tuple[Snapshot, ...]
    limits: Limits = field(default_factory=Limits)


def judge(check: Check, example: Example, previous: Report | None = None) -> Report:
    history = History()
    for snapshot in example.snapshots:
        history.append(snapshot)
    return evaluate(facts_of(example.snapshots[-1], history), [check], example.limits, previous=previous)


def only(report: Report) -> Finding:
    (finding,) = report.findings.values()
    return finding


def topic(
    name: str,
    partitions: int = 1,
    rf: int = 3,
    *,
    leaderless: Sequence[int] = (),
    missing: Mapping[int, Sequence[int]] | None = None,
    added: Mapping[int, Sequence[int]] | None = None,
    down: Sequence[int] = (),
    topic_id: str = "",
    config: Mapping[str, str | Setting] | None = None,
) -> tuple[Topic, TopicConfig]:
    """`missing` gives the brokers out of sync by partition, `added` replicas beyond `rf`, `down` the brokers away."""
    more = added or {}
    replicas = tuple((*((p + i) % 3 + 1 for i in range(rf)), *more.get(p, ())) for p in range(partitions))
    out = missing or {}
    made = Topic(
        name=name,
        id=topic_id,
        internal=False,
        leader=tuple(-1 if p in leaderless else replicas[p][0] for p in range(partitions)),
        replicas=replicas,
        isr=tuple(tuple(b for b in replicas[p] if b not in out.get(p, ())) for p in range(partitions)),
        offline=tuple(tuple(b for b in replicas[p] if b in down) for p in range(partitions)),
        error=tuple(5 if p in leaderless else 0 for p in range(partitions)),
    )
    return made, TopicConfig(
        {k: v if isinstance(v, Setting) else Setting(v, "DYNAMIC_TOPIC_CONFIG") for k, v in (config or {}).items()}
    )


def sample(
    records: int = 1000,
    keyless: int = 0,
    distinct: int = 500,
    *,
    pairs: Sequence[tuple[int, int, int, int, int]] = (),
    batches: Sequence[tuple[int, int, int, int]] = (),
    arrived: int = 1000,
    window: float = 3600.0,
    covered: float = 1.0,
    whole: bool = False,
) -> Sample:
    """`pairs` of hash, partition, records, first and last timestamp; `batches` of records, bytes, codec, idempotent."""
    keys = np.array(pairs, dtype=np.int64).reshape(len(pairs), 5)
    rows = np.array(batches, dtype=np.int64).reshape(len(batches), 4)
    zero = np.zeros(len(batches), dtype=np.int64)
    return Sample(
        100_000,
        1_000_000,
        whole,
        records,
        keyless,
        distinct,
        arrived,
        window,
        covered,
        keys[:, 0],
        keys[:, 1],
        keys[:, 2],
        keys[:, 3],
        keys[:, 4],
        {},
        zero,
        zero,
        rows[:, 0],
        rows[:, 1],
        rows[:, 2],
        rows[:, 3],
        zero,
        zero,
        AT,
    )


def sampled(made: Sample, partitions: int = 6, name: str = "orders") -> tuple[KafkaSnapshot, ...]:
    return (replace(kafka([topic(name, partitions)]), samples={name: made}),)


def member(name: str, owns: Mapping[str, tuple[int, ...]]) -> Member:
    return Member(name, name, "/127.0.0.1", None, dict(owns), tuple(owns))


def group(name: str, members: Sequence[Member] = (), *, state: str = "", kind: str = "classic") -> Group:
    return Group(name, kind, state or ("Stable" if members else "Empty"), "consumer", 1, tuple(members))


class Transaction(NamedTuple):
    """One that is open on a partition: where it begins, and how many seconds ago, None where its record has no time."""

    offset: int
    age: float | None
    producer: int = NEVER
    owner: str = ""
    open_for: float | None = None
    """Seconds, where its coordinator says so."""


def kafka(
    topics: Sequence[tuple[Topic, TopicConfig]] = (),
    groups: Sequence[Group] = (),
    *,
    committed: Mapping[str, Mapping[tuple[str, int], int]] | None = None,
    ends: Mapping[tuple[str, int], int] | None = None,
    epochs: Mapping[tuple[str, int], tuple[int, int]] | None = None,
    starts: Mapping[tuple[str, int], int] | None = None,
    stable: Mapping[tuple[str, int], int] | None = None,
    lookups: Mapping[tuple[str, int, float], int] | None = None,
    waits: Mapping[tuple[str, int, int], tuple[float, float]] | None = None,
    transactions: Mapping[tuple[str, int], Transaction] | None = None,
    newest: Mapping[tuple[str, int], float | None] | None = None,
    absent: Sequence[str] = (),
    brokers: int = 3,
    racks: Sequence[str | None] = (),
    host: str = "b{}",
    cluster_id: str = "c1",
    broker_configs: Mapping[int, Mapping[str, str]] | None = None,
    storage: Mapping[str, Storage | Unknown] | None = None,
    moves: Mapping[tuple[str, int], tuple[Sequence[int], Sequence[int]]] | None = None,
    quorum: Quorum | None = None,
    features: Features | None = None,
    quotas: Quotas | None = None,
    eligible: Mapping[str, tuple[tuple[int, ...], ...] | Unknown] | None = None,
    at: float = AT,
) -> KafkaSnapshot:
    """`moves` gives, by partition, the replicas that are added and removed; `storage` is by broker, empty where left out;
    `epochs` the leader epochs, by partition, that groups have committed and of who leads it, none where left out;
    `ends` gives log ends, 100 where left out; `starts` log starts, 0 where left out; `stable` last stable offsets, the log end where left out; `lookups` the
    first offset younger than an age, by (topic, partition, age); `waits` for how many seconds a record waits, at least and at most,
    by (topic, partition, offset); `newest` how many seconds ago the newest record was written, an hour where left out; None: no
    record of it has a time.
    """
    names = sorted(t.name for t, _ in topics)
    parts = {t.name: len(t.leader) for t, _ in topics}
    places = [(name, p) for name in names for p in range(parts[name])]
    end = np.array([(ends or {}).get(place, 100) for place in places], dtype=np.int64)
    asked = sorted(lookups or {})
    looked = sorted({name for name, _, _ in asked})
    return KafkaSnapshot(
        target="prod",
        at=at,
        cluster=Cluster(
            cluster_id,
            1,
            tuple(Broker(i, host.format(i), 9092, racks[i - 1] if racks else None) for i in range(1, brokers + 1)),
            ("DESCRIBE",),
        ),
        topics=Listing({t.name: t for t, _ in topics}, (BLIND,), {name: Absence(at, 1) for name in absent}),
        topic_configs={t.name: c for t, c in topics},
        broker_configs={
            str(broker): BrokerConfig({k: Setting(v, "STATIC_BROKER_CONFIG") for k, v in settings.items()})
            for broker, settings in (broker_configs or {}).items()
        },
        groups=Listing({g.name: g for g in groups}),
        committed={g.name: _committed((committed or {}).get(g.name, {}), epochs or {}, at) for g in groups},
        ends=LogEnds(
            tuple(names),
            np.cumsum([0, *(parts[n] for n in names)]).astype(np.int64),
            np.array([(starts or {}).get(place, 0) for place in places], dtype=np.int64),
            end,
            np.array([(stable or {}).get(place, e) for place, e in zip(places, end, strict=True)], dtype=np.int64),
            np.zeros(end.size, dtype=np.int16),
            at,
            np.array([(epochs or {}).get(place, (NEVER, NEVER))[1] for place in places], dtype=np.int32),
        ),
        lookups=Lookups(
            tuple(looked),
            np.array([looked.index(name) for name, _, _ in asked], dtype=np.int64),
            np.array([p for _, p, _ in asked], dtype=np.int64),
            np.array([age for _, _, age in asked], dtype=np.float64),
            np.array([(lookups or {})[key] for key in asked], dtype=np.int64),
            np.array([0 if (lookups or {})[key] != NEVER else NEVER for key in asked], dtype=np.int64),
            np.zeros(len(asked), dtype=np.int16),
            at,
        ),
        storage=dict(storage or {}),
        waits=_waits(waits, at) if waits else Unknown(Why.OFF, "it was not asked for"),
        transactions=_transactions(transactions or {}, at),
        newest=_newest({p: (newest or {}).get(p, 3600.0) for p, e in zip(places, end.tolist(), strict=True) if e}, at),
        quorum=quorum,
        features=features,
        quotas=quotas or Quotas({}, None, users=False),
        eligible=dict(eligible or {}),
        reassignments=tuple(
            Reassignment(t, p, tuple(adding), tuple(removing)) for (t, p), (adding, removing) in (moves or {}).items()
        ),
    )


def _waits(waits: Mapping[tuple[str, int, int], tuple[float, float]], at: float) -> Waits:
    names = sorted({name for name, _, _ in waits})
    rows = [
        (names.index(name), partition, offset, (at - most) * 1000, (at - least) * 1000, 0)
        for (name, partition, offset), (least, most) in sorted(waits.items())
    ]
    return Waits(tuple(names), *np.array(rows).astype(np.int64).T, at=at)


def _transactions(some: Mapping[tuple[str, int], Transaction], at: float) -> OpenTransactions:
    names = sorted({name for name, _ in some})
    rows = sorted(some.items())
    until = [NEVER if one.age is None else round((at - one.age) * 1000) for _, one in rows]
    columns = [[names.index(name) for (name, _), _ in rows], [partition for (_, partition), _ in rows]]
    columns += [[one.offset for _, one in rows], until, until, [one.producer for _, one in rows]]
    topic, partition, offset, since, last, producer = (np.array(column, dtype=np.int64) for column in columns)
    owner, error = tuple(one.owner for _, one in rows), np.zeros(len(rows), dtype=np.int16)
    begun = [NEVER if one.open_for is None else round((at - one.open_for) * 1000) for _, one in rows]
    started = np.array(begun, dtype=np.int64)
    return OpenTransactions(tuple(names), topic, partition, offset, since, last, producer, owner, started, error, at)


def _newest(ages: Mapping[tuple[str, int], float | None], at: float) -> Newest:
    names = sorted({name for name, _ in ages})
    times = [NEVER if age is None else round((at - age) * 1000) for age in ages.values()]
    rows = [(names.index(name), p, ms if ms < 0 else p, ms) for (name, p), ms in zip(ages, times, strict=True)]
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 4).T
    return Newest(tuple(names), *columns[:4], error=np.zeros(len(rows), dtype=np.int16))


def quorum_of(*voters: tuple[float | None, float | None], host: str = "c{}") -> Quorum:
    """Led by its first controller; of each other one, how many seconds ago it fetched, and had all: None where not yet."""
    ages = ((0.0, 0.0), *voters)
    times = [[NEVER if age is None else round((AT - age) * 1000) for age in one] for one in ages]
    return Quorum(1, tuple(Voter(i, host.format(i), *two) for i, two in enumerate(times, 1)))


def disk(
    *dirs: LogDir | Unknown, sizes: Mapping[tuple[str, int], int] | None = None, future: Sequence[tuple[str, int]] = ()
) -> Storage:
    """One broker's directories; replicas, all in the first of them, by their bytes."""
    rows = list(sizes or {})
    names = sorted({name for name, _ in rows})
    return Storage(
        dirs or (LogDir("/data", 1000, 500),),
        tuple(names),
        np.zeros(len(rows), dtype=np.int64),
        np.array([names.index(name) for name, _ in rows], dtype=np.int64),
        np.array([p for _, p in rows], dtype=np.int64),
        np.array([(sizes or {})[row] for row in rows], dtype=np.int64),
        np.array([row in future for row in rows], dtype=np.int64),
        AT,
    )


def _committed(
    offsets: Mapping[tuple[str, int], int], epochs: Mapping[tuple[str, int], tuple[int, int]], at: float
) -> Committed:
    names = sorted({name for name, _ in offsets})
    rows = sorted(offsets)
    return Committed(
        tuple(names),
        np.array([names.index(name) for name, _ in rows], dtype=np.int64),
        np.array([p for _, p in rows], dtype=np.int64),
        np.array([offsets[row] for row in rows], dtype=np.int64),
        np.zeros(len(rows), dtype=np.int16),
        at,
        epoch=np.array([epochs.get(row, (NEVER, NEVER))[0] for row in rows], dtype=np.int32),
    )


def arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def queue(
    name: str,
    *,
    redrive: str = "",
    visible: int = 0,
    in_flight: int = 0,
    retention: float = 345600.0,
    at: float = AT,
    **more: Any,
) -> Queue:
    return Queue(
        name=name,
        url=f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{name}",
        arn=arn(name),
        fifo=name.endswith(".fifo"),
        visible=visible,
        in_flight=in_flight,
        delayed=more.pop("delayed", 0),
        retention=retention,
        visibility_timeout=30.0,
        receive_wait=0.0,
        delay=0.0,
        max_bytes=262144,
        created=more.pop("created", AT - 1e6),
        modified=AT - 1e6,
        redrive=more.pop("policy", RedrivePolicy(arn(redrive), more.pop("receives", 5)) if redrive else None),
        redrive_allow=None,
        sse_sqs=more.pop("sse", True),
        kms_key=more.pop("kms", None),
        policy=json.dumps(access) if isinstance(access := more.pop("access", None), dict) else access,
        deduplication_scope=None,
        throughput_limit=None,
        tags={},
        at=at,
    )


def sqs(
    *queues: Queue,
    others: Mapping[str, Queue | Unknown] | None = None,
    sources: Mapping[str, tuple[str, ...] | Unknown] | None = None,
    unseen: Sequence[str] = (),
    missing: Sequence[str] = (),
    at: float = AT,
) -> SqsSnapshot:
    """`missing` names redrive targets that are not there."""
    denied = Unknown(Why.DENIED, "access denied", "allow sqs:GetQueueAttributes")
    items: dict[str, Queue | Unknown] = {q.name: q for q in queues} | dict.fromkeys(unseen, denied)
    return SqsSnapshot(
        "prod",
        at,
        Account(ACCOUNT, "us-east-1"),
        Listing(items),
        dict(others or {}),
        dict(sources or {}),
        {arn(name): Absence(at, 1) for name in missing},
    )


def altered(snapshot: Snapshot, address: Address, field_: str, value: object) -> Snapshot:
    """The snapshot with one field of its JSON document changed, as a finding's evidence names it."""
    from agent import snapshot as files  # noqa: PLC0415 - only here

    document = json.loads(files.dumps([snapshot]))
    _alter(document["snapshots"][0], address, field_, value)
    (again,) = files.loads(json.dumps(document))
    return again


def _alter(  # noqa: C901, PLR0912, PLR0915 - one branch for each form of a field
    part: dict[str, Any], address: Address, place: str, value: object
) -> None:
    if place.startswith(("redrive.", "policy.")):
        _alter_inside(part[address.kind]["items"][address.name], place, value)
        return
    name, _, index = place.partition("[")
    index, _, rest = index.partition("]")
    if name == "absent":
        del part["topics"]["absent"][address.name]
    elif name == "committed":
        rows = part["committed"][address.name]
        wanted, _, partition = index.rpartition("/")
        row = next(
            i
            for i, (t, p) in enumerate(zip(rows["topic"], rows["partition"], strict=True))
            if (rows["topics"][t], p) == (wanted, int(partition))
        )
        rows["offset"][row] = value
    elif name == "committed_epoch":
        told = part["committed"][address.name]
        wanted, _, partition = index.rpartition("/")
        places = [(told["topics"][t], p) for t, p in zip(told["topic"], told["partition"], strict=True)]
        told["epoch"][places.index((wanted, int(partition)))] = value
    elif name == "leader_epoch":
        part["ends"]["epoch"][part["ends"]["first"][part["ends"]["topics"].index(address.name)] + int(index)] = value
    elif name in ("start", "end"):
        first = part["ends"]["first"][part["ends"]["topics"].index(address.name)]
        part["ends"][name][first + int(index)] = value
    elif name == "lookups":
        rows = part["lookups"]
        partition, _, age = index.partition("@")
        for row, (t, p, a) in enumerate(zip(rows["topic"], rows["partition"], rows["age"], strict=True)):
            if (rows["topics"][t], p, a) == (address.name, int(partition), float(age)):
                rows["offset"][row] = value
    elif name == "waits":
        rows = part["waits"]
        partition, _, offset = index.partition("@")
        for row, (t, p, o) in enumerate(zip(rows["topic"], rows["partition"], rows["offset"], strict=True)):
            if (rows["topics"][t], p, o) == (address.name, int(partition), int(offset)):
                rows["until"][row] = round(float(str(value)) * 1000)
    elif name == "newest":
        rows = part["newest"]
        for row, (t, p) in enumerate(zip(rows["topic"], rows["partition"], strict=True)):
            if (rows["topics"][t], p) == (address.name, int(index)):
                rows["timestamp"][row] = round(float(str(value)) * 1000)
    elif name == "transactions":
        rows = part["transactions"]
        column = rest.removeprefix(".")
        for row, (t, p) in enumerate(zip(rows["topic"], rows["partition"], strict=True)):
            if (rows["topics"][t], p) == (address.name, int(index)):
                rows[column][row] = round(float(str(value)) * 1000) if column in {"until", "started"} else value
    elif name == "quorum.voters":
        part["quorum"]["voters"][int(index)][rest.removeprefix(".")] = value
    elif name == "quotas.clients":
        part["quotas"]["clients"][index] = value
    elif name == "quotas.others":
        part["quotas"]["others"] = value
    elif name == "features.finalized":
        part["features"]["finalized"][index] = value
    elif name == "storage":
        told = part["storage"][index]
        what, _, row = rest.removeprefix(".").partition("[")
        row, _, end = row.partition("]")
        if what == "dirs":
            told["dirs"][int(row)][end.removeprefix(".")] = value
        else:
            rows = zip(told["topic"], told["partition"], strict=True)
            told["size"][[(told["topics"][t], p) for t, p in rows].index((address.name, int(row)))] = value
    elif name.startswith("sample."):
        column = name.removeprefix("sample.")
        if index:
            part["samples"][address.name][column][int(index)] = value
        else:
            part["samples"][address.name][column] = value
    elif name.startswith("config."):
        part["topic_configs"][address.name]["settings"][name.removeprefix("config.")][0] = value
    elif name == "broker_configs":
        part["broker_configs"][index]["settings"][rest.removeprefix(".")][0] = value
    elif name == "members" and rest == ".epoch":
        part["groups"]["items"][address.name]["members"][int(index)]["epoch"] = value
    elif name == "members" and rest == ".subscribed":
        part["groups"]["items"][address.name]["members"][int(index)]["subscribed"] = ["elsewhere"]
    elif name == "members":
        owned = part["groups"]["items"][address.name]["members"][int(index)]["assigned"]
        if rest.startswith(".assigned["):
            del owned[rest.removeprefix(".assigned[").removesuffix("]")]
        else:
            owned["elsewhere"] = [0]
    elif index:
        part[address.kind]["items"][address.name][name][int(index)] = value
    else:
        part[address.kind]["items"][address.name][name] = value


def _alter_inside(queue: dict[str, Any], place: str, value: object) -> None:
    """`redrive.max_receive_count`, or `policy.Statement[0].Principal`, whose value is JSON in JSON."""
    if place.startswith("redrive."):
        queue["redrive"][place.removeprefix("redrive.")] = value
        return
    number, _, key = place.removeprefix("policy.Statement[").partition("].")
    policy = json.loads(queue["policy"])
    statement = policy["Statement"] if isinstance(policy["Statement"], dict) else policy["Statement"][int(number)]
    try:
        statement[key] = json.loads(str(value))
    except ValueError:
        statement[key] = value
    queue["policy"] = json.dumps(policy)
