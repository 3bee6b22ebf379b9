from hypothesis import given
from hypothesis import strategies as st

from agent.demo.cluster.model import Partition
from agent.demo.cluster.records import Found, Point, first_since, newest, timestamp_at

EVEN = [Point(0, 1000), Point(10, 2000)]


def test_time_runs_evenly_between_points_and_stands_still_outside() -> None:
    assert [timestamp_at(EVEN, offset) for offset in (0, 5, 10, 50)] == [1000, 1500, 2000, 2000]
    assert timestamp_at([Point(4, 7)], 0) == 7


def test_the_first_record_that_is_not_older() -> None:
    assert first_since(EVEN, 1450, 0, 11) == Found(5, 1500)
    assert first_since(EVEN, 0, 3, 11) == Found(3, 1300), "what is deleted is not found"
    assert first_since(EVEN, 2001, 0, 11) is None
    assert first_since(EVEN, 2000, 0, 10) is None, "the record at 10 is not written yet"
    assert first_since([], 0, 0, 11) is None
    assert first_since(EVEN, 0, 5, 5) is None


def test_the_newest_record_is_not_always_the_last() -> None:
    assert newest(EVEN, 0, 11) == Found(10, 2000)
    assert newest([*EVEN, Point(11, 500)], 0, 12) == Found(10, 2000)
    assert newest([Point(0, 1), Point(9, 2)], 0, 9) == Found(0, 1), "the first of those that are as new"
    assert newest([Point(0, 0), Point(9, 2)], 0, 9) == Found(5, 1)
    assert newest([], 0, 5) is None


def test_a_partition_remembers_when_it_grew_and_forgets_what_is_old() -> None:
    partition = Partition(leader=1)
    partition.append(5, 1.0)
    partition.append(0, 2.0)
    assert (partition.log_end, partition.points) == (5, [Point(4, 1000)])
    for second in range(2000):
        partition.append(1, 3.0 + second)
    assert len(partition.points) < 1000
    assert newest(partition.points, 0, partition.log_end) == Found(2004, 2_002_000)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 900)), min_size=1, max_size=6),
    st.integers(0, 900),
    st.integers(0, 20),
    st.integers(0, 40),
)
def test_lookups_agree_with_looking_at_every_record(
    steps: list[tuple[int, int]], ms: int, start: int, end: int
) -> None:
    offset, points = 0, []
    for step, at in steps:
        points.append(Point(offset, at))
        offset += step
    written = [Found(each, timestamp_at(points, each)) for each in range(start, end)]
    assert first_since(points, ms, start, end) == next((record for record in written if record.ms >= ms), None)
    assert newest(points, start, end) == max(written, key=lambda record: (record.ms, -record.offset), default=None)
