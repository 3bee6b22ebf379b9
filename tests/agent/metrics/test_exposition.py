"""The whole: own numbers, what goes and stays, the cap, names of any kind."""

import gzip
import re
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agent import VERSION
from agent.daemon.memory import same
from agent.metrics import Exposition, Options, exposition
from agent.metrics.text import plain
from agent.view import Good, TargetView
from alerts.model import Alert, Delivery, Op, Phase, Progress, State
from checks import all_checks
from checks.check import Fix, Kind, Severity
from checks.evaluate import Finding, Fingerprint, Gap, evaluate
from checks.facts import Address, History, KafkaSnapshot, Unknown, Why, facts_of
from checks.limits import Limits
from tests.agent.metrics.views import GONE, blinded, of, report_of, scraped, target, view
from tests.agent.world import PROD, Kafka
from tests.checks.examples import AT, group, kafka, queue, sqs, topic

NOW = AT + 5
OPTIONS = Options()


def cluster(names: tuple[str, ...] = ("app",), at: float = AT, name: str = "prod") -> KafkaSnapshot:
    made = kafka(
        [topic("orders", topic_id="t1")],
        [group(each) for each in names],
        committed={each: {("orders", 0): 90} for each in names},
        at=at,
    )
    return replace(made, target=name)


def finding(check: str, name: str, severity: Severity) -> Finding:
    address = Address("kafka", "prod", "groups", name)
    return Finding(Fingerprint(check, address), Kind.CONDITION, severity, timedelta(0), "wrong", (), Fix("mend it"))


def test_own_numbers_of_a_target() -> None:
    found = scraped(exposition(view(target(cluster(), looks=9, failures=3, misses=2, overruns=1)), NOW, OPTIONS))
    assert of(found, "target_up", "target") == {"kafka://prod": 1}
    assert of(found, "target_last_success_timestamp_seconds", "target") == {"kafka://prod": AT}
    assert of(found, "target_look_duration_seconds", "target") == {"kafka://prod": 0.25}
    assert of(found, "target_looks_total") == {(): 9}
    assert of(found, "target_look_failures_total") == {(): 3}
    assert of(found, "target_look_deadline_misses_total") == {(): 2}
    assert of(found, "target_look_overruns_total") == {(): 1}


def test_findings_and_gaps_are_counted() -> None:
    snapshot = cluster()
    denied, young = Unknown(Why.DENIED, "no right"), Unknown(Why.YOUNG, "one poll")
    report = report_of(
        snapshot,
        finding("kafka/a", "x", Severity.WARNING),
        finding("kafka/a", "y", Severity.WARNING),
        finding("kafka/a", "z", Severity.CRITICAL),
        gaps={
            (check, snapshot.address): Gap(check, snapshot.address, why)
            for check, why in (("b", denied), ("c", denied), ("d", young))
        },
    )
    found = scraped(exposition(view(target(snapshot, report=report)), NOW, OPTIONS))
    assert of(found, "findings", "target", "check", "severity") == {
        ("kafka://prod", "kafka/a", "warning"): 2,
        ("kafka://prod", "kafka/a", "critical"): 1,
    }
    assert of(found, "gaps", "why") == {**dict.fromkeys(Why, 0), "denied": 2, "young": 1}


def test_alerts_deliveries_and_the_rest() -> None:
    def alert(number: int, phase: Phase) -> Alert:
        found = finding("kafka/a", str(number), Severity.WARNING)
        return Alert(str(number), found.fingerprint, found, phase, AT, AT, Severity.WARNING)

    def delivery(number: int, progress: Progress) -> Delivery:
        return Delivery(str(number), number, "t", "slack", Op.POST, (), (), AT - number, progress)

    alerts = (alert(1, Phase.FIRING), alert(2, Phase.FIRING), alert(3, Phase.GONE))
    deliveries = (delivery(1, Progress.QUEUED), delivery(7, Progress.PARKED))
    state = State(alerts={a.id: a for a in alerts}, deliveries={d.id: d for d in deliveries})
    seen = view(
        state=state,
        calls={("kafka://prod", "ListOffsets", "ok"): 12, ("kafka://prod", "ListOffsets", "denied"): 1},
        requests={("kafka://prod", "k1:9092"): 40, ("kafka://prod", "k2:9092"): 38},
        throttled={("kafka://prod", "k1:9092"): 12_345},
        budgets={"kafka://prod": 100},
        delivered={("slack", "delivered"): 5},
        config_ok=False,
    )
    found = scraped(exposition(seen, NOW, OPTIONS))
    assert of(found, "alerts", "phase") == {**dict.fromkeys(Phase, 0), "firing": 2, "gone": 1}
    assert of(found, "deliveries", "state") == {"queued": 1, "sending": 0, "parked": 1}
    assert of(found, "oldest_delivery_created_timestamp_seconds") == {(): AT - 7}
    assert of(found, "delivery_attempts_total", "sink", "outcome") == {("slack", "delivered"): 5}
    assert of(found, "api_calls_total", "operation", "result") == {
        ("ListOffsets", "ok"): 12,
        ("ListOffsets", "denied"): 1,
    }
    assert of(found, "broker_requests_total", "broker") == {"k1:9092": 40, "k2:9092": 38}
    assert of(found, "broker_throttle_seconds_total", "broker") == {"k1:9092": 12.345}
    assert of(found, "broker_requests_budget", "target") == {"kafka://prod": 100}
    assert of(found, "config_last_reload_successful") == {(): 0}
    assert of(found, "judged_timestamp_seconds") == {(): AT}
    assert set(of(found, "build_info", "version")) == {VERSION}


def test_nothing_yet_is_no_error() -> None:
    found = scraped(exposition(view(), NOW, OPTIONS))
    assert not of(found, "oldest_delivery_created_timestamp_seconds")
    assert of(found, "config_last_reload_successful") == {(): 1}


def test_what_is_gone_disappears_with_the_next_view() -> None:
    first = exposition(view(target(cluster(("app", "old")))), NOW, OPTIONS)
    assert set(of(scraped(first), "group_state", "group")) == {"app", "old"}
    second = exposition(view(target(cluster(("app",), AT + 30))), NOW + 30, OPTIONS, first)
    assert set(of(scraped(second), "group_state", "group")) == {"app"}
    assert not [key for key in scraped(exposition(view(), NOW + 60, OPTIONS, second)) if "target" in dict(key[1])]


def test_a_blind_target_keeps_its_last_good_values_for_a_while() -> None:
    wrong = finding("kafka/a", "app", Severity.WARNING)
    up = target(cluster(), report=report_of(cluster(), wrong))
    first = exposition(view(up), NOW, OPTIONS)
    blind = view(blinded(up, AT + 30))
    for now, there in ((AT + 30, True), (AT + OPTIONS.ttl, True), (AT + OPTIONS.ttl + 1, False)):
        made = exposition(blind, now, OPTIONS, first)
        found = scraped(made)
        assert of(found, "target_up") == {(): 0}
        assert of(found, "target_last_success_timestamp_seconds") == {(): AT}
        assert of(found, "group_lag_records", "group") == ({"app": 10} if there else {})
        assert bool(of(found, "findings")) == there
        assert found == scraped(exposition(blind, now, OPTIONS))


def test_a_target_never_seen_has_no_success() -> None:
    never = replace(blinded(target(cluster()), AT), good=None)
    found = scraped(exposition(view(never), NOW, OPTIONS))
    assert of(found, "target_up") == {(): 0}
    assert not of(found, "target_last_success_timestamp_seconds")
    assert not of(found, "group_state")


def test_a_target_that_nobody_looks_at_any_more_is_dropped_too() -> None:
    seen = view(target(cluster()))
    assert of(scraped(exposition(seen, AT + OPTIONS.ttl + 60, OPTIONS)), "group_state")
    assert not of(scraped(exposition(seen, AT + OPTIONS.ttl + 61, OPTIONS)), "group_state")


def test_the_same_facts_are_not_rendered_again() -> None:
    up = target(cluster())
    first = exposition(view(up), NOW, OPTIONS)
    second = exposition(view(blinded(up, AT + 30)), NOW + 30, OPTIONS, first)
    third = exposition(view(up), NOW, Options(partitions="all"), second)

    def lag(made: Exposition) -> bytes:
        return next(part for part in made.parts if plain(part).startswith(b"mqcanary_group_lag_records"))

    assert lag(first) is lag(second)
    assert lag(third) is not lag(second)
    assert of(scraped(third), "group_partition_lag_records", "partition") == {"0": 10}


def test_the_cap_keeps_the_first_by_name_over_all_targets() -> None:
    names = tuple(f"g{i}" for i in range(4))
    targets = [target(cluster(order, name=name)) for name, order in (("b", names), ("a", names[::-1]))]
    made = exposition(view(*targets), NOW, Options(cap=6))
    found = scraped(made)
    assert list(of(found, "group_members", "target", "group")) == [
        *(("kafka://a", name) for name in names),
        ("kafka://b", "g0"),
        ("kafka://b", "g1"),
    ]
    assert (
        of(found, "series_dropped", "family")["mqcanary_group_members"] == made.dropped["mqcanary_group_members"] == 2
    )
    assert made.dropped["mqcanary_topic_log_end_offset"] == 0
    small = exposition(view(*targets), NOW, Options(cap=3))
    assert small.dropped["mqcanary_group_members"] == 5
    assert len(of(scraped(small), "group_members", "target", "group")) == 3


def test_the_compressed_form_is_the_same() -> None:
    made = exposition(view(target(cluster())), NOW, OPTIONS)
    assert gzip.decompress(made.compressed) == made.text
    assert made.compressed is made.compressed
    assert made.size == len(made.text)


HOSTILE = ['a"b', "a\\b", "a\nb", "a\\nb", "a\\", '"', "ä€😀", "a\tb\rc", "{x=1}", "a b ", "\x00\x1f\x85\u2028", "#"]


def test_hostile_names_come_back_as_they_were() -> None:
    snapshot = replace(sqs(*(queue(name) for name in HOSTILE)), target='t"\n')
    found = scraped(exposition(view(target(cluster(tuple(HOSTILE))), target(snapshot)), NOW, OPTIONS))
    assert set(of(found, "group_state", "group")) == set(HOSTILE)
    assert set(of(found, "queue_visible_messages", "queue")) == set(HOSTILE)
    assert set(of(found, "queue_visible_messages", "target")) == {"sqs://t%22%0A"}


def test_halves_of_surrogates_are_replaced_and_stay_apart() -> None:
    names = ("a\udc80", "a\udc81", "a\ufffd", "a\ufffdDC80", "a\\udc80", "a\ud83d")
    found = scraped(exposition(view(target(cluster(names))), NOW, OPTIONS))
    assert set(of(found, "group_state", "group")) == {
        "a\ufffdDC80",
        "a\ufffdDC81",
        "a\ufffdFFFD",
        "a\ufffdFFFDDC80",
        "a\\udc80",
        "a\ufffdD83D",
    }


SURROGATE = re.compile("[\ud800-\udfff\ufffd]")
ANY = st.characters(exclude_categories=()) | st.sampled_from('"\\\n\ufffd\udc80')


@settings(max_examples=40, deadline=None)
@given(st.sets(st.text(ANY, max_size=8), max_size=6), st.sampled_from(["off", "lagging", "all"]), st.integers(1, 8))
def test_any_names_make_a_scrape_that_can_be_read(names: set[str], partitions: str, cap: int) -> None:
    options = Options(partitions=partitions, cap=cap)  # type: ignore[arg-type]
    first = exposition(view(target(cluster(tuple(names)))), NOW, options)
    found = scraped(first)  # no series twice
    assert len(of(found, "group_state", "group")) == min(len(names), cap)
    assert first.dropped.get("mqcanary_group_state", 0) == max(0, len(names) - cap)
    shuffled = exposition(view(target(cluster(tuple(sorted(names))))), NOW, options)
    assert shuffled.text == first.text
    if cap >= len(names) and not any(SURROGATE.search(name) for name in names):
        assert set(of(found, "group_state", "group")) == names


def test_the_blindness_itself_is_told() -> None:
    up = target(cluster())
    blind = blinded(up, AT + 30)
    gaps = {("", up.address): Gap("", up.address, GONE)}
    blind = replace(blind, report=report_of(blind.snapshot, gaps=gaps, unseen=GONE))
    found = scraped(exposition(view(blind), AT + 31, OPTIONS))
    assert of(found, "gaps", "why")["unreachable"] == 1


def test_an_exposition_is_left_as_it_is_by_the_next() -> None:
    first = exposition(view(target(cluster())), NOW, OPTIONS)
    text = first.text
    exposition(view(target(cluster(("other",)))), NOW, OPTIONS, first)
    assert first.text == text


def test_what_is_taken_from_the_last_rendering_is_what_would_be_rendered_anew() -> None:
    world, history, taken = Kafka(["orders", "mails"], at=AT), History(), 0
    snapshot, facts, former = None, None, None
    for minute in range(1, 40):
        world.rates[:] = 1.0 if minute in (2, 3, 30) else 0.0  # quiet for long, then written again, then quiet
        if minute == 31:
            world.states["mails"] = "Empty"
        world.pass_time(AT + 60 * minute)
        snapshot = same(world.snapshot(), snapshot)
        history = history.plus(snapshot)
        facts = facts_of(snapshot, history, facts)
        report = evaluate(facts, all_checks(), Limits())
        one = TargetView(PROD, "p", snapshot, facts, report, Good(snapshot, facts, report), 60.0, 0.1, looks=minute)
        seen = view(one, at=snapshot.at)
        made = exposition(seen, snapshot.at, OPTIONS, former)
        assert made.text == exposition(seen, snapshot.at, OPTIONS).text
        taken += former is not None and made.rendered[PROD].bulk is former.rendered[PROD].bulk
        former = made
    assert 10 < taken < 30


def test_groups_of_which_nothing_moved_are_not_written_again() -> None:
    history, snapshot, facts, former = History(), None, None, None
    for minute, (read, end) in enumerate(((10, 10), (10, 10), (15, 20), (30, 30))):
        seen = kafka(
            [topic("orders"), topic("mails")],
            [group("busy"), group("idle")],
            committed={"busy": {("orders", 0): read}, "idle": {("mails", 0): 5}},
            ends={("orders", 0): end, ("mails", 0): 5},
            at=AT + 60 * minute,
        )
        snapshot = same(seen, snapshot)
        history = history.plus(snapshot)
        facts = facts_of(snapshot, history, facts)
        target = TargetView(
            PROD, "p", snapshot, facts, report_of(snapshot), Good(snapshot, facts, report_of(snapshot)), 60.0, 0.1
        )
        made = exposition(view(target, at=snapshot.at), snapshot.at, Options(partitions="all"), former)
        assert made.text == exposition(view(target, at=snapshot.at), snapshot.at, Options(partitions="all")).text
        if former is not None:
            before, now = (one.rendered[PROD].kept.groups for one in (former, made))  # type: ignore[union-attr]
            assert now["idle"].texts is before["idle"].texts
            assert (now["busy"].texts is before["busy"].texts) == (minute == 1)
        former = made
