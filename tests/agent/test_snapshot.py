import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import snapshot as files
from agent.audit import audit
from agent.errors import SnapshotError
from checks import all_checks
from checks.facts import SqsSnapshot, Unknown, Why, unseen_kafka
from checks.kafka.group_lagging import group_lagging
from checks.limits import Limits
from tests.checks.examples import AT, Example, judge, queue, sqs
from tests.checks.test_laws import CASES

GOLDEN = Path(__file__).parent / "golden" / "snapshot-v1.json"
GOLDEN_FINDINGS = {
    "kafka/group-lagging kafka://prod/groups/app": "group app is more than 3 min behind on orders: "
    "60 unread records in 1 partition",
    "sqs/dlq-retention-short sqs://prod/queues/orders": "dead-letter queue dead keeps messages 4 d, its source orders 4 d",
}
"""What is written in the file, and has to be read out of it for ever."""
DOCUMENT = files.dumps([CASES[0][1].snapshots[0], sqs(queue("orders", redrive="dead"), unseen=["x"])])


def test_every_example_says_the_same_after_a_round_trip() -> None:
    for check, example in CASES:
        again = files.loads(files.dumps(example.snapshots))
        assert judge(check, Example("again", again, example.limits)) == judge(check, example), example.name


def test_the_golden_file_of_version_1_stays_readable() -> None:
    snapshots = files.load(GOLDEN)
    again = files.loads(files.dumps(snapshots))
    for read in (snapshots, again):
        audited = audit(read, all_checks(), Limits())
        found = {str(mark): one.summary for target in audited for mark, one in target.report.findings.items()}
        assert GOLDEN_FINDINGS.items() <= found.items()
        assert {gap.address.name for gap in audited[1].report.gaps.values() if gap.unknown.why is Why.DENIED} == {
            "orders",
            "x",
        }


def test_what_an_older_version_lacks_is_unknown() -> None:
    document = json.loads(DOCUMENT)
    del document["snapshots"][1]["queues"]["items"]["orders"]["redrive"]
    snapshot = files.loads(json.dumps(document))[1]
    assert isinstance(snapshot, SqsSnapshot)
    read = snapshot.queues.items["orders"]
    assert not isinstance(read, Unknown)
    assert isinstance(read.redrive, Unknown)
    assert read.redrive.why is Why.UNSUPPORTED


def test_an_unseen_target_survives() -> None:
    whole = unseen_kafka("prod", AT, Unknown(Why.DENIED, "wrong password", "check it"))
    (again,) = files.loads(files.dumps([whole]))
    assert judge(group_lagging, Example("unseen", (again,))) == judge(group_lagging, Example("unseen", (whole,)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not whole JSON"),
        ("[1]", "no snapshot"),
        ('{"mqcanary_snapshot":99,"snapshots":[]}', "reads 1 to 1"),
        ('{"mqcanary_snapshot":1,"snapshots":[{"kind":"rabbit"}]}', "damaged"),
        ('{"mqcanary_snapshot":1,"snapshots":[{"kind":"kafka"}]}', "damaged"),
        ('{"mqcanary_snapshot":1,"snapshots":7}', "damaged"),
    ],
)
def test_what_is_no_snapshot_is_one_line(text: str, told: str) -> None:
    with pytest.raises(SnapshotError, match=told) as caught:
        files.loads(text, "s.json")
    assert "\n" not in str(caught.value)


@given(st.integers(1, len(DOCUMENT) - 3))
def test_a_snapshot_cut_anywhere_is_one_line(length: int) -> None:
    with pytest.raises(SnapshotError):
        files.loads(DOCUMENT[:length])


def test_binary_is_no_snapshot(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"\xff\xfe\0")
    with pytest.raises(SnapshotError, match="not text"):
        files.load(tmp_path / "s")
