"""Share groups on a real broker: who is in them, where they stand and what is left, as Kafka's own command has it."""

from pathlib import Path

from agent.collect.kafka.collector import Choice, KafkaCollector, KafkaSettings
from checks.facts import Group, History, KafkaSnapshot, Lag, facts_of
from checks.limits import Limits
from checks.questions import Questions
from tests.live import referee, seed
from tests.live.broker import KafkaCluster, java
from tests.live.process import Process, until

_MEMBER = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"


def seen(kafka: KafkaCluster, name: str) -> tuple[Group | None, Lag | None]:
    settings = KafkaSettings(kafka.endpoints, groups=Choice(include=(name,)))
    snapshot = KafkaCollector(settings, Questions((), Limits())).collect(None, 30)
    assert isinstance(snapshot, KafkaSnapshot)
    facts, address = facts_of(snapshot, History()), snapshot.address.under("groups", name)
    group, lag = facts.get(Group, address), facts.get(Lag, address)
    return group if isinstance(group, Group) else None, lag if isinstance(lag, Lag) else None


def test_a_share_group_is_read_as_kafkas_own_command_reads_it(kafka: KafkaCluster, fresh: str, tmp_path: Path) -> None:
    seed.create_topics(kafka.bootstrap, {fresh: seed.TopicSpec(2)})
    words = ("--bootstrap-server", kafka.bootstrap, "--topic", fresh, "--group", fresh)
    with Process("share-consumer", java(_MEMBER, *words, heap="96m"), tmp_path / "log"):

        def shared() -> bool:
            group, lag = seen(kafka, fresh)
            return group is not None and bool(group.members) and lag is not None and lag.topic.size == 2

        until(shared, "a member shares in both partitions", timeout=60)
        group, _ = seen(kafka, fresh)
        assert group is not None
        assert (group.kind, group.state, group.protocol_type) == ("share", "Stable", "share")
        assert isinstance(group.members, tuple)
        assert (group.members[0].subscribed, group.members[0].assigned) == ((fresh,), {fresh: (0, 1)})
        for partition in (0, 1):
            seed.produce(kafka.bootstrap, fresh, 10, partition=partition)

        def finished() -> bool:
            _, lag = seen(kafka, fresh)
            return lag is not None and (lag.committed >= 0).all() and lag.lag.tolist() == [0, 0]

        until(finished, "all is finished", timeout=60)

    def left() -> bool:
        group, _ = seen(kafka, fresh)
        return group is not None and group.members == ()

    until(left, "nobody is in the group", timeout=90)
    seed.produce(kafka.bootstrap, fresh, 7, partition=1)
    group, lag = seen(kafka, fresh)
    assert group is not None
    assert lag is not None
    assert group.state == "Empty"
    ours = {(fresh, *lag.place(row)): (int(lag.committed[row]), int(lag.lag[row])) for row in range(lag.topic.size)}
    assert ours == referee.share_offsets(kafka.bootstrap, fresh)
    assert lag.lag.tolist() == [0, 7]
