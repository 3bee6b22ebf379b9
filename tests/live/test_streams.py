"""A streams group on a real broker: who is in it, what each member owns and what is left, as Kafka's own command has it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checks.facts import Group, Lag
from tests.live import jars, load, referee, seed
from tests.live.broker import JVM, KafkaCluster
from tests.live.process import Process, until
from tests.live.test_share import seen

SOURCE = Path(__file__).parent / "kafka" / "StreamsApp.java"
KEYS = (b"first", b"one")
"""The application makes keys of these, which Kafka's hash puts in different partitions of two."""


@pytest.fixture(scope="module")
def streams(java: None) -> str:
    try:
        return jars.streams()
    except jars.MissingToolError as missing:
        pytest.skip(str(missing))


def lags(lag: Lag) -> dict[tuple[str, int], int]:
    return {lag.place(row): int(lag.lag[row]) for row in range(lag.topic.size)}


def under_load(kafka: KafkaCluster, group: str) -> None:
    """Offsets only move forward: what Kafka's command tells between two looks lies between theirs.

    Kafka's command asks for log ends before commits, so that what it tells of a group that reads may be negative; ours never is.
    """

    def look() -> dict[tuple[str, int], tuple[int, int]]:
        _, lag = seen(kafka, group)
        assert lag is not None
        assert (lag.lag == lag.end - lag.committed).all()
        assert (lag.lag >= 0).all()
        return {lag.place(row): (int(lag.committed[row]), int(lag.end[row])) for row in range(lag.topic.size)}

    before = first = look()
    for _ in range(2):
        theirs = referee.streams_lags(kafka.bootstrap, group)
        later = look()
        assert before.keys() == theirs.keys() == later.keys()
        for place, told in theirs.items():
            (committed, end), (read, grown) = before[place], later[place]
            assert end - read <= told <= grown - committed, (place, before[place], told, later[place])
        before = later
    moved = {place[0] for place, row in first.items() if later[place][0] > row[0] and later[place][1] > row[1]}
    assert len(moved) == 2, "nothing came, or nothing was read"


@contextmanager
def frozen(process: Process) -> Iterator[None]:
    """A member that does nothing is in its group until the session ends, much later."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def test_a_streams_group_is_read_as_kafkas_own_command_reads_it(
    kafka: KafkaCluster, streams: str, fresh: str, tmp_path: Path
) -> None:
    seed.create_topics(kafka.bootstrap, {fresh: seed.TopicSpec(2)})
    for partition, value in enumerate(KEYS):
        seed.produce(kafka.bootstrap, fresh, 10, partition=partition, value=value)
    argv = [jars.java(), "-Xmx128m", *JVM, "-cp", streams, str(SOURCE)]
    argv += [kafka.bootstrap, fresh, str(tmp_path / "state"), "2", fresh]
    with Process("streams-app", argv, tmp_path / "log") as app:

        def idle() -> tuple[Group, Lag] | None:
            app.check()
            group, lag = seen(kafka, fresh)
            if group is None or lag is None or group.state != "Stable" or not isinstance(group.members, tuple):
                return None
            owned = [m.assigned for m in group.members if isinstance(m.assigned, dict) and m.assigned]
            done = len(owned) == 2 and lag.topic.size == 4 and lag.read and (lag.committed >= 0).all()
            return (group, lag) if done else None

        group, lag = until(idle, "both threads own tasks, and all is read and committed", timeout=60)
        assert (group.kind, group.protocol_type) == ("streams", "streams")
        assert isinstance(group.members, tuple)
        (repartition,) = set(lag.topics) - {fresh}
        tasks = referee.streams_tasks(kafka.bootstrap, fresh)
        theirs = {
            member: {{"0": fresh, "1": repartition}[part]: partitions for part, partitions in parts.items()}
            for member, parts in tasks.items()
        }
        assert {member.id: member.assigned for member in group.members} == theirs
        assert {member.subscribed for member in group.members} == {(fresh,)}
        assert lags(lag) == referee.streams_lags(kafka.bootstrap, fresh)

        with load.producing(kafka.bootstrap, {fresh: 2}):
            under_load(kafka, fresh)
        until(idle, "all that came under load is read and committed", timeout=60)

        with frozen(app):
            seed.produce(kafka.bootstrap, fresh, 7, partition=1)
            group, lag = (one for one in seen(kafka, fresh) if one is not None)
            assert isinstance(lag, Lag)
            left = lags(lag)
            assert left[fresh, 1] == 7
            assert left == referee.streams_lags(kafka.bootstrap, fresh)

    def left_alone() -> bool:
        group, _ = seen(kafka, fresh)
        return group is not None and (group.state, group.members) == ("Empty", ())

    until(left_alone, "nobody is in the group")
