from collections.abc import Iterator
from datetime import timedelta

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import Cluster, Disk, Disks, Platform, Unknown, known
from checks.wording import bytesize, listed, shell, shown, span


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(5), clear={"used": 0.95, "critical": 0.95})
def disk_filling(
    cluster: Cluster,
    disks: Disks | Unknown,
    platform: Platform,
    *,
    used: float = 0.8,
    critical: float = 0.9,
    soon: timedelta = minutes(240),
) -> Iterator[Problem]:
    """The volume under a log directory of a broker is nearly full.

    Why: a broker whose log directory is full takes it offline, with every replica in it; a broker that has no other
        one stops. Retention that is too long for the disks fills all brokers at about the same time.
    How: total and usable bytes of each log directory's volume (DescribeLogDirs), a problem for each broker and
        directory. How fast it filled is told by at most the last hour of history, by half an hour at least.
    Limits: `used`, from 80 % on a warning, clears below 95 % of that; `critical`, from 90 % on critical; `soon`, 4 h: a
        disk over `used` that is full within that time at the rate of the last hour is critical too.
    Silent when: topics have tiered storage and much of them lies there: only the broker's own volumes count; a volume
        fills fast and has room; Confluent Cloud and Amazon MSK Serverless, whose volumes are nobody's
        to see. A volume of unknown size (before Kafka 3.3), an offline directory and a broker that is away are gaps.
    Source: KIP-827, total and usable bytes of a volume; 80 % is the usual alert of brokers' data volumes (Amazon MSK:
        "create an alarm on KafkaDataLogsDiskUsed" at 85 %).
    """
    del cluster  # the resource that volumes belong to
    if platform.keeps_brokers:
        return
    disks = known(disks)
    holes = list(disks.holes())
    young: list[Unknown] = []
    for disk in disks.seen():
        if isinstance(disk.total, Unknown):
            holes.append(disk.total)
            continue
        if isinstance(disk.usable, Unknown):
            holes.append(disk.usable)
            continue
        share = 1 - disk.usable / disk.total if disk.total > 0 else 0.0
        if share < used:
            continue
        growth = disks.growth(disk)
        if isinstance(growth, Unknown):
            young.append(growth)
        left = disk.usable / growth if not isinstance(growth, Unknown) and growth > 0 else None
        urgent = share >= critical or (left is not None and left <= soon.total_seconds())
        yield _problem(disk, disk.total, disk.usable, left, disks.largest(disk, 3), urgent=urgent)
    for hole in (*holes, *young):
        known(hole)


def _problem(
    disk: Disk, total: int, usable: int, left: float | None, largest: list[tuple[str, int]], *, urgent: bool
) -> Problem:
    filling = "" if left is None else f"; at the rate of the last hour it is full in {span(left)}"
    topics = [name for name, _ in largest]
    most = f" Most of it is taken by {listed(topics)} ({bytesize(largest[0][1])} the first)." if largest else ""
    place = f"storage[{disk.broker}].dirs[{disk.place}]"
    return Problem(
        key=f"{disk.broker}:{disk.path}",
        summary=f"broker {disk.broker} has used {100 * (1 - usable / total):.0f} % of the volume under "
        f"{shown(disk.path)}: {bytesize(usable)} of {bytesize(total)} are left{filling}",
        evidence=(Seen(f"{place}.usable", usable, "bytes"), Seen(f"{place}.total", total, "bytes")),
        severity=Severity.CRITICAL if urgent else None,
        fix=Fix(
            f"Enlarge the volume, add brokers and move replicas to them, or keep less: a shorter retention.ms or "
            f"retention.bytes (of topics with tiered storage, local.retention.ms).{most} The command shows what lies on "
            "the broker.",
            f"kafka-log-dirs.sh --bootstrap-server $BOOTSTRAP --describe --broker-list {disk.broker}"
            + (f" --topic-list {shell(','.join(topics))}" if topics else ""),
        ),
    )
