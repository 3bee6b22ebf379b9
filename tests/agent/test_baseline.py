"""Baselines: the file, and the audit that is compared with it."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from agent import snapshot as files
from agent.baseline import dumps, loads
from agent.cli import cli
from agent.errors import ConfigError
from agent.report.json import schema
from checks.evaluate import Fingerprint
from checks.facts import Address, Listing, Queue, Snapshot, SqsSnapshot, Unknown, Why, unseen_sqs
from tests.checks.examples import queue, sqs

NAMES = st.text(st.characters(), max_size=12)
"""Surrogates too: Kafka's protocol can carry them."""
ADDRESSES = st.builds(
    Address, st.sampled_from(("kafka", "sqs")), NAMES.filter(bool), st.sampled_from(("groups", "queues")), NAMES
) | NAMES.filter(bool).map(lambda target: Address("kafka", target))
ENTRIES = st.builds(
    Fingerprint, st.from_regex(r"[a-z0-9-]{1,9}/[a-z0-9-]{1,9}", fullmatch=True), ADDRESSES, NAMES | st.just("")
)
DENIED = Unknown(Why.DENIED, "access denied", "grant it")


@given(st.lists(ENTRIES, max_size=8), st.randoms())
def test_any_name_comes_back_and_order_does_not_matter(entries: list[Fingerprint], random: object) -> None:
    text = dumps(entries)
    assert set(loads(text, "b")) == set(entries)
    random.shuffle(entries)  # type: ignore[attr-defined]
    assert dumps([*entries, *entries[:1]]) == text
    assert text.isascii()
    assert len(text.splitlines()) == 1 + len(set(entries))


def test_a_finding_more_is_a_line_more() -> None:
    entries = [Fingerprint("sqs/dlq-missing", Address("sqs", "p", "queues", name), "a key") for name in "dbac"]
    for less in itertools.combinations(entries, 3):
        assert set(dumps(less).splitlines()) < set(dumps(entries).splitlines())
    assert dumps(entries[:1]) == "mqcanary-baseline 1\nsqs/dlq-missing sqs://p/queues/d a%20key\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "b is no baseline"),
        ('{"version": 1}', "b is no baseline"),
        (
            "mqcanary-baseline 2\nwhatever is new",
            "b: baseline of version 2, and this mqcanary reads 1: use a newer one",
        ),
        ("mqcanary-baseline\n", "b: baseline of version "),
        ("mqcanary-baseline 1\n<<<<<<< HEAD\n", "b:2: '<<<<<<< HEAD' is not CHECK ADDRESS [KEY]"),
        ("mqcanary-baseline 1\nsqs/dlq-missing\n", "b:2: 'sqs/dlq-missing' is not CHECK"),
        ("mqcanary-baseline 1\nsqs/a sqs://p/queues/q\nsqs/a queue\n", "b:3: 'sqs/a queue' is not"),
        ("mqcanary-baseline 1\nsqs/a sqs://p/queues/%FF\n", "b:2: "),
        ("mqcanary-baseline 1\nsqs/a sqs://p/queues/q k \x1b[31m\n", r"k \x1b[31m' is not"),
    ],
)
def test_a_damaged_file_is_one_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        loads(text, "b")
    assert told in str(error.value)
    assert str(error.value).isprintable()


def test_the_line_ends_of_another_system_are_none_of_its_business() -> None:
    text = dumps([Fingerprint("sqs/a", Address("sqs", "p"), "k"), Fingerprint("sqs/a", Address("sqs", "p"))])
    assert loads(text.replace("\n", "\r\n"), "b") == loads(text, "b")


Audit = Callable[..., Result]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """Audits snapshots for queues that are not encrypted."""

    def run(*snapshots: Snapshot, words: tuple[str, ...] = ()) -> Result:
        (tmp_path / "s.json").write_text(files.dumps(snapshots))
        return CliRunner().invoke(
            cli,
            ["audit", "--from", f"{tmp_path}/s.json", "--only", "sqs/encryption-off", *words],
            catch_exceptions=True,
        )

    return run


def without(snapshot: SqsSnapshot, **items: Queue | Unknown) -> SqsSnapshot:
    """The snapshot with some queues otherwise."""
    return replace(snapshot, queues=replace(snapshot.queues, items={**snapshot.queues.items, **items}))


def plain(name: str) -> Queue:
    return queue(name, sse=False)


def test_only_what_is_new_fails_and_is_shown(audit: Audit, tmp_path: Path) -> None:
    path = f"{tmp_path}/b"
    before = audit(sqs(plain("a"), plain("b")), words=("--write-baseline", path))
    assert (before.exit_code, before.stderr) == (0, f"mqcanary: {path}: 2 findings written\n")
    assert "queue a" in before.output
    same = audit(sqs(plain("a"), plain("b")), words=("--baseline", path, "--fail-on", "info"))
    assert same.exit_code == 0
    assert "No new findings." in same.output
    assert f"{path}: 2 known findings left out" in " ".join(same.output.split())
    more = audit(sqs(plain("a"), plain("b"), plain("c")), words=("--baseline", path))
    assert more.exit_code == 1
    assert "queue c" in more.output
    assert "queue a" not in more.output


def test_fixed_is_what_was_judged_and_not_seen_is_something_else(audit: Audit, tmp_path: Path) -> None:
    path = f"{tmp_path}/b"
    whole = sqs(*(plain(name) for name in ("fixed", "deleted", "denied", "ignored", "left")))
    audit(whole, words=("--write-baseline", path))
    config = tmp_path / "m.yaml"
    config.write_text('ignore: [{checks: sqs/*, resources: "sqs://*/queues/ignored", reason: known}]\n')
    now = without(sqs(queue("fixed"), plain("ignored"), plain("left")), denied=DENIED)
    words = ("--baseline", path, "--config", str(config))
    done = audit(now, words=(*words, "--format", "json"))
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema())
    fates = {
        fate: {entry["resource"].rpartition("/")[2] for entry in entries}
        for fate, entries in document["baseline"].items()
        if fate != "file"
    }
    assert fates == {
        "known": {"left"},
        "fixed": {"fixed", "deleted"},
        "ignored": {"ignored"},
        "unseen": {"denied"},
        "aside": set(),
    }
    text = " ".join(audit(now, words=words).stdout.split())
    assert "1 known finding left out; 2 fixed, can be removed: run --write-baseline again; 1 ignored besides;" in text
    again = audit(now, words=("--config", str(config), "--write-baseline", path))
    assert "1 finding written, 1 kept that could not be judged now, 3 removed" in again.stderr
    assert [line.rpartition("/")[2] for line in Path(path).read_text().splitlines()[1:]] == ["denied", "left"]


@pytest.mark.parametrize("blind", [Why.DENIED, Why.DEADLINE])
def test_a_list_that_may_leave_things_out_fixes_nothing(audit: Audit, tmp_path: Path, blind: Why) -> None:
    path = f"{tmp_path}/b"
    audit(sqs(plain("a"), plain("b")), words=("--write-baseline", path))
    now = sqs(plain("a"))
    now = replace(now, queues=Listing(now.queues.items, (Unknown(blind, "the list was cut"),)))
    assert "1 known finding left out; 1 could not be seen" in " ".join(
        audit(now, words=("--baseline", path)).stdout.split()
    )


def test_who_was_not_looked_at_stays(audit: Audit, tmp_path: Path) -> None:
    path = f"{tmp_path}/b"
    audit(sqs(plain("a")), words=("--write-baseline", path))
    text = Path(path).read_text()
    away = audit(unseen_sqs("us-east-1", 1.0, DENIED), words=("--baseline", path))
    assert (away.exit_code, "1 could not be seen" in away.stdout) == (3, True)
    for words in (("--only", "sqs/tls-not-forced"), ("--owner", "")):
        done = audit(sqs(plain("a")), words=(*words, "--write-baseline", path))
        assert done.exit_code == 0, done.stderr
        assert set(text.splitlines()) <= set(Path(path).read_text().splitlines())


def test_what_is_no_baseline_is_not_written_over(audit: Audit, tmp_path: Path) -> None:
    config = tmp_path / "m.yaml"
    config.write_text("every: 30s\n")
    done = audit(sqs(plain("a")), words=("--write-baseline", str(config)))
    assert isinstance(done.exception, ConfigError)
    assert config.read_text() == "every: 30s\n"
    missing = audit(sqs(plain("a")), words=("--baseline", f"{tmp_path}/none"))
    assert "name a file that --write-baseline wrote" in str(missing.exception)
    assert {entry.name for entry in tmp_path.iterdir()} == {"m.yaml", "s.json"}
