import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from checks.check import Severity
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import NEVER, Address, History, KafkaSnapshot, Lookups, Quotas, Unknown, Why, facts_of
from checks.kafka.group_lagging import group_lagging as check
from checks.limits import Limits, Override
from checks.pattern import Pattern
from checks.questions import Questions
from tests.checks.examples import AT, Example, group, judge, kafka, member, only, topic

APP = group("app", [member("m1", {"orders": (0, 1)})])
T = [topic("orders", 2)]
LATE = {"app": {("orders", 0): 40, ("orders", 1): 100}}


def poll(seconds: float, committed: int, end: int, answer: int = 60) -> object:
    return kafka(
        T,
        [APP],
        committed={"app": {("orders", 0): committed, ("orders", 1): 100}},
        ends={("orders", 0): end},
        lookups={("orders", 0, 180.0): answer},
        at=AT + seconds,
    )


BEHIND = replace(member("m2", {}), epoch=6, target={"bills": (0,)})
RECONCILING = replace(
    group(
        "app",
        [replace(member("m1", {}), epoch=7, target={"orders": (0, 1)}), BEHIND],
        kind="consumer",
        state="Reconciling",
    ),
    epoch=7,
    assignment_epoch=7,
)
FIRING = (
    Example(
        "how long is found by look-ups",
        (
            kafka(
                T,
                [APP],
                committed=LATE,
                lookups={("orders", 0, 180.0): 60},
                waits={("orders", 0, 40): (754.5, 755.0)},
            ),
        ),
    ),
    Example(
        "how long lies between two look-ups",
        (
            kafka(
                T,
                [APP],
                committed=LATE,
                lookups={("orders", 0, 180.0): 60},
                waits={("orders", 0, 40): (3600.0, 7200.0)},
            ),
        ),
    ),
    Example(
        "the record at 40 is older than 3 min", (kafka(T, [APP], committed=LATE, lookups={("orders", 0, 180.0): 60}),)
    ),
    Example("nothing that young", (kafka(T, [APP], committed=LATE, lookups={("orders", 0, 180.0): NEVER}),)),
    Example("nobody runs", (kafka(T, [group("app")], committed=LATE, lookups={("orders", 0, 180.0): 60}),)),
    Example("proven by a longer age", (kafka(T, [APP], committed=LATE, lookups={("orders", 0, 600.0): 60}),)),
    Example("draining", (poll(0, 40, 100), poll(60, 60, 101, 90), poll(120, 80, 102, 90))),  # type: ignore[arg-type]
    Example("growing, arrival known", (poll(0, 40, 40), poll(200, 40, 90), poll(500, 41, 300, 90))),  # type: ignore[arg-type]
    Example(
        "some of it is deleted, the rest is old",
        (kafka(T, [APP], committed=LATE, starts={("orders", 0): 50}, lookups={("orders", 0, 180.0): 60}),),
    ),
    Example("a log's only record", (poll(0, 0, 1, NEVER),)),  # type: ignore[arg-type]
    Example("a marker is not all", (poll(0, 98, 100, NEVER),)),  # type: ignore[arg-type]
    Example(
        "a quota holds it up",
        (
            kafka(
                T,
                [APP],
                committed=LATE,
                lookups={("orders", 0, 180.0): 60},
                quotas=Quotas({"m1": 2**20}, None, users=False),
            ),
        ),
    ),
    Example(
        "a member holds what another is to read",
        (kafka(T, [RECONCILING], committed=LATE, lookups={("orders", 0, 180.0): 60}),),
    ),
)
SILENT = (
    Example("a marker before a record that has just come", (poll(0, 98, 101, 99),)),  # type: ignore[arg-type]
    Example(
        "compaction left nothing between the committed offset and a young record",
        (
            kafka(
                T, [APP], committed=LATE, lookups={("orders", 0, 180.0): 60}, waits={("orders", 0, 40): (60.0, 7200.0)}
            ),
        ),
    ),
    Example("the marker of a transaction", (poll(0, 99, 100, NEVER),)),  # type: ignore[arg-type]
    Example("read to the end", (kafka(T, [APP], committed={"app": {("orders", 0): 100, ("orders", 1): 100}}),)),
    Example(
        "what it had not read is deleted, what is left is young",
        (kafka(T, [APP], committed=LATE, starts={("orders", 0): 60}, lookups={("orders", 0, 180.0): 60}),),
    ),
    Example(
        "all that it had not read is deleted",
        (kafka(T, [APP], committed=LATE, starts={("orders", 0): 100}, lookups={("orders", 0, 180.0): NEVER}),),
    ),
    Example("young records only", (kafka(T, [APP], committed=LATE, lookups={("orders", 0, 180.0): 40}),)),
    Example(
        "an old subscription",
        (kafka([*T, topic("old")], [APP], committed={"app": {("old", 0): 1}}, lookups={("old", 0, 180.0): NEVER}),),
    ),
    Example("arrived just now with old timestamps", (poll(0, 40, 40), poll(60, 40, 100), poll(61, 40, 100))),  # type: ignore[arg-type]
)


def test_the_first_poll_says_how_long_by_the_time_of_the_first_unread_record() -> None:
    exact, between = (only(judge(check, example)) for example in FIRING[:2])
    assert exact.summary == "group app is 12 min 35 s behind on orders: 60 unread records in 1 partition"
    assert between.summary.startswith("group app is more than 1 h behind on orders")
    assert [e.field for e in exact.evidence] == ["waits[0@40]", "committed[orders/0]", "end[0]", "lookups[0@180]"]


def test_an_open_transaction_is_named_and_not_the_members() -> None:
    """They have read all that they may."""
    tx = [
        kafka(
            T,
            [APP],
            committed=LATE,
            ends={("orders", 0): end},
            stable={("orders", 0): 40},
            lookups={("orders", 0, 180.0): 60},
            waits={("orders", 0, 40): (240.0, 240.0)},
            at=AT + seconds,
        )
        for seconds, end in ((0, 100), (90, 300))
    ]
    finding = only(judge(check, Example("held", tuple(tx))))
    assert finding.summary == (
        "group app is 4 min behind on orders: 260 unread records in 1 partition; not gaining (0.0 records/s read, 2.2 "
        "written, over 1 min 30 s); an open transaction holds back orders/0 from offset 40 on from readers of committed records"
    )
    assert finding.fix.command is not None
    assert finding.fix.command.endswith("describe-producers --topic orders --partition 0")
    assert ("stable[0]", 40) in [(e.field, e.value) for e in finding.evidence]


def test_a_topic_that_is_read_fast_says_nothing_of_the_one_that_is_late() -> None:
    app = group("app", [member("m1", {"orders": (0, 1), "fast": (0,)})])
    polls = [
        kafka(
            [*T, topic("fast")],
            [app],
            committed={"app": {**LATE["app"], ("fast", 0): 10 * seconds}},
            ends={("fast", 0): 10_000 + seconds},
            lookups={("orders", 0, 180.0): 60, ("fast", 0, 180.0): 10 * seconds},
            at=AT + seconds,
        )
        for seconds in (0, 60, 120)
    ]
    finding = only(judge(check, Example("two topics", tuple(polls))))
    assert finding.severity is Severity.WARNING
    assert "behind on orders: 60 unread records in 1 partition; not gaining (0.0 records/s read, 0.0" in finding.summary


def test_a_topic_created_anew_is_not_as_old_as_the_former_one() -> None:
    """Its log has outgrown the former one's already; history alone says how old records are."""
    polls = [
        kafka(
            [topic("orders", topic_id=name, config={"remote.storage.enable": "true"})],
            [group("app", [member("m1", {"orders": (0,)})])],
            committed={"app": {("orders", 0): read}},
            ends={("orders", 0): end},
            at=AT + seconds,
        )
        for seconds, name, read, end in (
            (0, "a", 100, 100),
            (1200, "a", 100, 100),
            (1230, "b", 20, 400),
            (1260, "b", 40, 430),
        )
    ]
    assert not judge(check, Example("anew", tuple(polls))).findings


def test_what_was_seen_to_arrive_is_not_older_for_its_timestamp() -> None:
    first, last = (
        kafka(
            T,
            [APP],
            committed=LATE,
            ends={("orders", 0): 100 if seconds else 40},
            lookups={("orders", 0, 180.0): NEVER},
            waits={("orders", 0, 40): (86400.0, 86400.0)} if seconds else None,
            at=AT + seconds,
        )
        for seconds in (0, 300)
    )
    finding = only(judge(check, Example("replayed", (first, last))))
    assert finding.summary.startswith("group app is 5 min behind on orders"), finding.summary


def test_first_poll_says_late_and_that_a_trend_needs_history() -> None:
    report = judge(check, FIRING[2])
    assert only(report).summary == "group app is more than 3 min behind on orders: 60 unread records in 1 partition"
    assert only(report).after == timedelta(minutes=15)
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.YOUNG]


def test_nobody_runs_says_so() -> None:
    assert "start the consumers" in only(judge(check, FIRING[4])).fix.text


def test_draining_is_info_with_when() -> None:
    finding = only(judge(check, FIRING[6]))
    assert finding.severity is Severity.INFO
    assert "gaining" in finding.summary
    assert "caught up in about" in finding.summary


def test_history_gives_the_seconds() -> None:
    finding = only(judge(check, FIRING[7]))
    assert finding.summary.startswith("group app is 8 min 16 s behind"), finding.summary
    assert re.search(r"not gaining \([\d.,]+ records/s read, [\d.,]+ written, over \d+ (s|min)", finding.summary)


def test_remote_storage_is_a_gap() -> None:
    tiered = topic("orders", 2, config={"remote.storage.enable": "true"})
    report = judge(check, Example("tiered", (kafka([tiered], [APP], committed=LATE),)))
    assert not report.findings
    assert any("KIP-1075" in gap.unknown.detail for gap in report.gaps.values())


def test_beyond_the_end_is_unknown_and_not_zero() -> None:
    report = judge(check, Example("beyond", (kafka(T, [APP], committed={"app": {("orders", 0): 101}}),)))
    assert not report.findings
    assert any("beyond the log end" in gap.unknown.detail for gap in report.gaps.values())


def test_what_fires_ends_when_only_young_records_wait() -> None:
    young = kafka(T, [APP], committed=LATE, lookups={("orders", 0, 180.0): 40, ("orders", 0, 144.0): 40})
    mark = Fingerprint(check.id, young.address.under("groups", "app"))
    history = History()
    history.append(young)
    report = evaluate(facts_of(young, history), [check], Limits(), firing={mark})
    assert report.verdict(mark) is Verdict.CLEAR
    assert Questions([check], Limits(), clear=True).asked(mark.address).ages == {180.0, 144.0}


def test_the_age_asked_is_the_limit_in_force() -> None:
    limits = Limits([Override(Pattern.parse("kafka://*/groups/batch-*"), "kafka/*", {"slo": timedelta(minutes=30)})])
    questions = Questions([check], limits)
    assert questions.asked(Address("kafka", "prod", "groups", "batch-1")).ages == {1800.0}
    assert questions.asked(Address("kafka", "prod", "groups", "app")).ages == {180.0}


def ahead(seconds: float, end: int = 100) -> KafkaSnapshot:
    """The log's first record, which is read, has a time an hour from now: it answers every look-up by time."""
    one = kafka(T, [APP], committed=LATE, ends={("orders", 0): end}, lookups={("orders", 0, 180.0): 0}, at=AT + seconds)
    assert isinstance(one.lookups, Lookups)
    return replace(one, lookups=replace(one.lookups, timestamp=np.array([round((AT + 3600) * 1000)])))


def test_a_record_from_the_future_hides_nothing() -> None:
    report = judge(check, Example("one look", (ahead(0),)))
    assert not report.findings
    (told,) = (gap.unknown.detail for gap in report.gaps.values() if "from the future" in gap.unknown.detail)
    assert told.startswith(
        "orders/0 has a record from the future, of 2027-01-15 09:00 UTC at offset 0: look-ups by time"
    )
    finding = only(judge(check, Example("history", (ahead(0), ahead(100), ahead(200)))))
    assert finding.summary.startswith("group app is more than 3 min behind"), finding.summary


def test_where_history_shows_that_all_came_just_now_the_future_is_no_matter() -> None:
    report = judge(check, Example("young", (ahead(0, 40), ahead(30), ahead(60))))
    assert not report.findings
    assert not [gap for gap in report.gaps.values() if gap.check]


def test_names_the_member_that_has_not_taken_up_its_assignment() -> None:
    finding = only(judge(check, FIRING[-1]))
    assert finding.summary.endswith("; m2 on 127.0.0.1 has not taken up the newest assignment")
    assert "when it polls" in finding.fix.text


def lagging(*clients: str, quotas: Quotas) -> KafkaSnapshot:
    members = [replace(member(f"m{i}", {"orders": (i,)}), client_id=client) for i, client in enumerate(clients)]
    app = group("app", members)
    return kafka(T, [app], committed=LATE, lookups={("orders", 0, 180.0): 60}, quotas=quotas)


@pytest.mark.parametrize(
    ("clients", "quotas", "said", "field"),
    [
        (
            ("a", "b"),
            Quotas({"a": 2**20, "c": 1}, None, users=False),
            "client id a may read at most 1.0 MiB/s",
            "quotas.clients[a]",
        ),
        (
            ("a", "a"),
            Quotas({"a": 2**20}, 2**21, users=False),
            "client id a, 2 members together, may read at most 1.0 MiB/s",
            "quotas.clients[a]",
        ),
        (
            ("b", "a"),
            Quotas({}, 512.5, users=False),
            "client ids a, b may each read at most 512 B/s",
            "quotas.others",
        ),
        (("a", "b"), Quotas({"a": 9}, 7, users=False), "client id b may read at most 7 B/s", "quotas.others"),
    ],
)
def test_a_quota_that_holds_its_members_up_is_named(
    clients: tuple[str, ...], quotas: Quotas, said: str, field: str
) -> None:
    finding = only(judge(check, Example("", (lagging(*clients, quotas=quotas),))))
    assert finding.summary.endswith(f"; {said} from each broker by quota")
    assert (Address("kafka", "prod"), field) in [(seen.address, seen.field) for seen in finding.evidence]
    assert "fetch-throttle-time-avg" in finding.fix.text
    of_users = only(judge(check, Example("", (lagging(*clients, quotas=replace(quotas, users=True)),))))
    assert re.search(r"by quota, unless a quota of (its user|their users) goes before$", of_users.summary)


@pytest.mark.parametrize(
    "quotas", [Quotas({"c": 1}, None, users=True), Unknown(Why.DENIED, "CLUSTER_AUTHORIZATION_FAILED", "grant it")]
)
def test_quotas_that_are_not_theirs_or_not_known_change_nothing(quotas: Quotas | Unknown) -> None:
    seen = lagging("a", "b", quotas=Quotas({}, None, users=False))
    report, without = (judge(check, Example("", (replace(seen, quotas=one),))) for one in (quotas, seen.quotas))
    assert only(report) == only(without)
    assert report.gaps == without.gaps
