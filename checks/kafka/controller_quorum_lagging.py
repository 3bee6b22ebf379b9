from collections.abc import Iterator
from datetime import timedelta

from checks.check import Fix, Kind, Problem, Seen, Severity, check, minutes
from checks.facts import NEVER, Cluster, Platform, Quorum, Voter
from checks.wording import shown, span


@check(kind=Kind.CONDITION, severity=Severity.WARNING, after=minutes(5), clear={"behind": 0.5})
def controller_quorum_lagging(
    cluster: Cluster, quorum: Quorum | None, platform: Platform, *, behind: timedelta = minutes(0.25)
) -> Iterator[Problem]:
    """A controller of the quorum does not keep up with the one that leads it.

    Why: who leads each partition, every topic and every right is written to the quorum, by a majority of its controllers.
        Brokers go on while a minority is away, but each that is missing is one less to lose: without a majority no new leader
        is elected for any partition, and no topic is made or altered.
    How: for each voter the time since it last had all that the leader has, on the leader's clock (DescribeQuorum); a problem
        for each that is behind. Critical where the loss of one more leaves no majority.
    Limits: `behind`, 15 s, clears below half of it: a voter fetches twice a second. Told after 5 minutes, so that
        controllers can restart one after the other.
    Silent when: the cluster has no quorum (ZooKeeper, Redpanda); brokers are behind, which are observers and have no vote;
        it has one or two controllers and all keep up, though none may be lost; Amazon MSK and Confluent Cloud, where
        nobody else sees to them. A quorum that has lost its majority tells nothing: a gap.
    Source: KIP-836, last caught-up time of voters; Apache Kafka documentation, controller.quorum.fetch.timeout.ms, 2 s, after
        which a leader whom no majority asks resigns, and "Deploying Considerations" of KRaft: a majority must be alive.
        The limit is our own.
    """
    del cluster  # the resource that controllers belong to
    if quorum is None or platform.keeps_controllers:
        return
    now = quorum.now
    late = [
        (i, voter)
        for i, voter in enumerate(quorum.voters)
        if voter.id != quorum.leader
        and (voter.caught_up == NEVER or now - voter.caught_up > 1000 * behind.total_seconds())
    ]
    keeping = len(quorum.voters) - len(late)
    last = keeping <= len(quorum.voters) // 2 + 1
    for i, voter in late:
        how, field, value = _how(voter, quorum, behind)
        yield Problem(
            key=str(voter.id),
            summary=f"controller {voter.id}{f' on {shown(voter.host)}' if voter.host else ''} {how}; {keeping} of "
            f"{len(quorum.voters)} keep up" + (", and the loss of one more leaves no majority" if last else ""),
            evidence=(Seen(f"quorum.voters[{i}].{field}", value, "ms since the epoch"),),
            severity=Severity.CRITICAL if last else None,
            fix=Fix(
                f"Start controller {voter.id}; if it runs, read its log for what keeps it from controller {quorum.leader}: "
                "the listener of controllers, its certificates, a full or slow disk under metadata.log.dir. Restart no "
                "other one before it keeps up. Of one that is gone for good, remove-controller takes the vote (Kafka 3.9 "
                "and later, kraft.version 1).",
                "kafka-metadata-quorum.sh --bootstrap-server $BOOTSTRAP describe --replication --human-readable",
            ),
        )


def _how(voter: Voter, quorum: Quorum, behind: timedelta) -> tuple[str, str, int]:
    """In words, and the field that says so."""
    leader, fetched, caught_up = f"controller {quorum.leader}", voter.fetched, voter.caught_up
    silent = (quorum.now - fetched) / 1000
    if fetched == NEVER:
        return f"has not fetched from {leader} since that one leads", "fetched", fetched
    if silent > behind.total_seconds():
        return f"has not fetched from {leader}, the leader, for {span(silent)}", "fetched", fetched
    if caught_up == NEVER:
        return f"has not caught up with {leader} since that one leads", "caught_up", caught_up
    return f"is {span((quorum.now - caught_up) / 1000)} behind {leader}, the leader", "caught_up", caught_up
