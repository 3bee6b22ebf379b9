import json
from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Cluster, Topic, Unknown, Why, known
from checks.wording import count, listed, shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING, together=True)
def replicas_share_rack(topic: Topic, cluster: Cluster) -> Iterator[Problem]:
    """All copies of a partition are in one rack or availability zone.

    Why: the rack that fails takes every copy with it, though other racks have brokers.
    How: broker.rack of the brokers that a partition is on (Metadata).
    Limits: none.
    Silent when: no broker says its rack, or all are in one; the partition has one replica. Where only some say it, or a
        broker is away, what that leaves open is a Gap.
    Source: KIP-36, rack aware replica assignment.
    """
    racks = {broker.id: broker.rack for broker in cluster.brokers}
    told = {rack for rack in racks.values() if rack is not None}
    if not told or topic.replication_factor < 2:
        return
    shared: list[int] = []
    unclear: Unknown | None = None
    for p, replicas in enumerate(topic.replicas):
        mine = {racks.get(broker) for broker in replicas}
        if len(mine - {None}) > 1:
            continue
        if None not in mine and len(told) > 1:
            shared.append(p)
        elif None in mine or None in racks.values():
            nameless = sorted(b for b in {*racks, *replicas} if racks.get(b) is None)
            names = listed([str(b) for b in nameless], 5)
            unclear = Unknown(
                Why.UNSUPPORTED, f"broker {names} is away or does not say its rack", "set broker.rack on it"
            )
    if shared:
        places = listed([str(p) for p in shared], 8)
        where = listed(sorted({str(racks[topic.replicas[p][0]]) for p in shared}))
        topics = json.dumps(
            {"version": 1, "topics": [{"topic": topic.name}]}, separators=(",", ":"), ensure_ascii=False
        )
        brokers = ",".join(map(str, racks))
        yield Problem(
            summary=f"topic {shown(topic.name)} has all copies of {count(len(shared), 'partition')} of "
            f"{len(topic.replicas)} in one rack ({where}): {places}",
            evidence=tuple(Seen(f"replicas[{p}]", topic.replicas[p], "broker ids") for p in shared[:3]),
            fix=Fix(
                "Spread them: the command prints a plan that heeds racks; keep the partitions above and run it with "
                "--reassignment-json-file and --execute.",
                f"echo {shell(topics)} > topics.json && kafka-reassign-partitions.sh --bootstrap-server $BOOTSTRAP "
                f"--topics-to-move-json-file topics.json --broker-list {brokers} --generate",
            ),
        )
    if unclear is not None:
        known(unclear)
