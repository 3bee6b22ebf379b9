"""The lag table in so many cells: what gives way first, and what stays."""

import pytest
from rich.cells import cell_len

from agent.report.lag import Row, merged, table

ROWS: list[Row] = [
    {
        "cluster": cluster,
        "group": group,
        "topic": "payments.settled.v1",
        "partition": partition,
        "committed_offset": 1_000_000,
        "log_end_offset": 13_345_678,
        "lag": 12_345_678,
        "lag_seconds": 3900.0,
        "lag_seconds_at_most": 7000.0 if partition else 3900.0,
        "method": "exact",
        "timestamps_by": "producer",
        "members": 3,
        "error": None,
        "reason": None,
    }
    for cluster in ("prod-eu", "prod-us")
    for group in ("invoice-archiver-blue", "Rechnungsprüfung", "請求書アーカイバー本番環境")
    for partition in (0, 1)
]
HEADS = ("GROUP", "TOPIC", "PARTITION", "COMMITTED-OFFSET", "LOG-END-OFFSET", "LAG", "WAITING", "MEMBERS")


@pytest.mark.parametrize("by", ["partition", "topic", "group"])
@pytest.mark.parametrize("room", [40, 41, 44, 48, 56, 60, 64, 72, 80, 100, 120])
@pytest.mark.parametrize("clusters", [1, 2])
def test_no_line_is_longer_than_there_is_room(by: str, room: int, clusters: int) -> None:
    lines = table(merged([dict(row) for row in ROWS], by), by, clusters, room).splitlines()
    assert max(map(cell_len, lines)) <= room
    head = lines[0].split()
    assert {"LAG", "WAITING"} <= set(head), "what it is for stays"
    names = 1 + (by != "group") + (clusters == 2)
    assert [word[0] for word in head[:names]] == ["C", "G", "T"][2 - clusters :][:names]
    lag = 12_345_678 * {"partition": 1, "topic": 2, "group": 2}[by]
    assert all(str(lag) in line for line in lines[1 : 1 + len(merged(ROWS, by))]), "numbers are whole"


def test_what_others_tell_as_well_goes_first_and_is_named() -> None:
    gone = []
    for room in (100, 80, 70, 60, 40):
        text, _, last = table(ROWS, "partition", 1, room).partition("(no room for ")
        left_out = " ".join(last.split()).removesuffix(")").split(", ") if last else []
        assert not set(left_out) & set(text.splitlines()[0].split())
        gone.append(len(left_out))
    assert gone == sorted(gone)
    assert (gone[0], gone[-1]) == (0, 3)


def test_in_a_pipe_everything_is_whole() -> None:
    head, *lines = table(ROWS, "partition").splitlines()
    assert tuple(head.split()) == HEADS
    assert not any("…" in line or "no room" in line for line in lines)
    assert "1 h 5 min to 1 h 56 min" in lines[1]
