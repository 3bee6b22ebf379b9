from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.facts import (
    NEVER,
    Absence,
    Address,
    Group,
    History,
    Lag,
    Listing,
    Member,
    Setting,
    TopicConfig,
    Unknown,
    Unobserved,
    Why,
    facts_of,
    known,
    unseen_kafka,
    unseen_sqs,
)
from checks.facts.codes import (
    BUDGET_SPENT,
    LEFT_OUT,
    LESS_THROTTLE,
    MORE_REQUESTS,
    NOT_SHOWN,
    UNKNOWN_TOPIC,
    code_name,
    refused,
    throttled,
    topic_refused,
)
from checks.facts.lags import answers_of, lags_of
from tests.checks.examples import AT, arn, group, kafka, member, queue, sqs, topic

NAME = st.text(st.characters(), min_size=1, max_size=20)


@given(NAME, NAME, NAME)
def test_an_address_reads_back(target: str, kind: str, name: str) -> None:
    for address in (Address("kafka", target), Address("sqs", target, kind, name)):
        assert Address.parse(str(address)) == address
        assert str(address).isascii()
        assert address.root == Address(address.scheme, target)


@pytest.mark.parametrize("text", ["", "kafka", "kafka://", "kafka://a/b", "kafka://a//c", "kafka://a/b/c/d"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        Address.parse(text)


def test_an_unknown_is_neither_true_nor_false() -> None:
    hole = Unknown(Why.DENIED, "no right")
    with pytest.raises(TypeError):
        bool(hole)
    with pytest.raises(Unobserved):
        known(hole)
    assert known(0) == 0


def test_only_a_seeing_list_proves_absence() -> None:
    hole = Unknown(Why.DENIED, "no right")
    assert Listing({"a": 1}).exists("a") is True
    assert Listing({"a": 1}).exists("b") is False
    assert Listing({}, (hole,)).exists("b") is hole
    assert Listing({}, (hole,), {"b": Absence(AT, 1)}).exists("b") is False


def test_history_is_the_same_when_told_twice_or_late() -> None:
    one, two = kafka([topic("a")], at=AT), kafka([topic("a")], at=AT + 30)
    history = History(span=60)
    for snapshot in (one, two, two, one):
        history.append(snapshot)
    assert [frame.at for frame in history.kafka("prod")] == [AT, AT + 30]
    history.append(kafka(at=AT + 100))
    assert [frame.at for frame in history.kafka("prod")] == [AT + 100]
    history.append(sqs(queue("q")))
    assert history.sqs("prod")[0].rows.keys() == {arn("q")}
    assert history.sqs("elsewhere") == history.kafka("elsewhere") == ()
    assert history.targets() == {Address("kafka", "prod"), Address("sqs", "prod")}


def test_what_was_not_observed_is_unknown_everywhere() -> None:
    hole = Unknown(Why.UNREACHABLE, "down")
    for snapshot in (unseen_kafka("prod", AT, hole), unseen_sqs("prod", AT, hole)):
        history = History()
        history.append(snapshot)
        facts = facts_of(snapshot, history)
        assert facts.get(Group, snapshot.address.under("groups", "g")) is not None
        assert all(listing.blind for listing in facts.listings().values())


def test_rows_are_committed_and_assigned_partitions_together() -> None:
    app = group("app", [member("m", {"orders": (1, 2), "gone": (0,)})])
    snapshot = kafka([topic("orders", 3)], [app], committed={"app": {("orders", 0): 40, ("orders", 1): 100}})
    lag = facts_of(snapshot, History()).get(Lag, snapshot.address.under("groups", "app"))
    assert isinstance(lag, Lag)
    rows = {lag.place(i): (int(lag.committed[i]), int(lag.lag[i]), int(lag.error[i])) for i in range(lag.topic.size)}
    assert rows == {
        ("orders", 0): (40, 60, 0),
        ("orders", 1): (100, 0, 0),
        ("orders", 2): (-1, -1, 0),
        ("gone", 0): (-1, -1, NOT_SHOWN),
    }
    assert lag.total == 60
    close = (
        "grant DESCRIBE on topic gone: kafka-acls.sh --bootstrap-server $BOOTSTRAP --add --allow-principal User:NAME"
    )
    assert lag.unknown() == Unknown(
        Why.DENIED,
        "offsets of gone/0: the topic is not shown to us: denied, or deleted",
        f"{close} --operation Describe --topic gone",
    )


@pytest.mark.parametrize(("known_as", "code"), [("absent", UNKNOWN_TOPIC), ("left_out", LEFT_OUT)])
def test_a_topic_that_is_not_there_and_one_that_is_left_out_are_not_said_to_be_denied(known_as: str, code: int) -> None:
    app = group("app", [member("m", {"gone": (0,)})])
    seen = kafka([topic("orders", 1)], [app], committed={"app": {("orders", 0): 40}})
    listed: Any = {"gone": Absence(AT, 1)} if known_as == "absent" else frozenset({"gone"})
    seen = replace(seen, topics=replace(seen.topics, **{known_as: listed}))
    lag = lags_of(seen, [app])["app"]
    assert isinstance(lag, Lag)
    assert lag.error.tolist() == [0, code]
    assert np.array_equal(lag.older_than(9.0, np.array([0])).rows, [])
    hidden = group("app", [Member("m", "c", "h", None, Unknown(Why.DENIED, "no"), ())])
    assert isinstance(hidden.assigned_topics(), Unknown)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (7, Why.DEADLINE),
        (29, Why.DENIED),
        (58, Why.DENIED),
        (35, Why.UNSUPPORTED),
        (-1, Why.UNREACHABLE),
        (32_767, Why.UNREACHABLE),
        (-32_768, Why.UNREACHABLE),
    ],
)
def test_a_look_up_by_time_that_failed_says_why_and_proves_nothing(code: int, why: Why) -> None:
    app = group("app", [member("m", {"orders": (0, 1)})])
    committed = {"app": {("orders", 0): 40, ("orders", 1): 40}}
    looked = {("orders", 0, 60.0): 30, ("orders", 1, 60.0): 30}
    seen = kafka([topic("orders", 2)], [app], committed=committed, lookups=looked)
    assert not isinstance(seen.lookups, Unknown)
    assert not isinstance(seen.ends, Unknown)
    seen.lookups.error[0], seen.lookups.offset[0] = code, NEVER
    lag = lags_of(seen, [app], answers_of(seen.ends, seen.lookups))["app"]
    assert isinstance(lag, Lag)
    late = lag.older_than(60.0, np.arange(2))
    assert not late.rows.size
    assert late.unknown == topic_refused(code, "the look-up by time of orders/0", "orders")
    assert late.unknown.why is why


def test_settings_that_are_not_told_are_unknown() -> None:
    config = TopicConfig({"a": Setting("1", "DEFAULT_CONFIG"), "b": Setting("x", ""), "c": Setting(None, "")})
    assert config.number("a") == 1
    assert isinstance(config.number("b"), Unknown)
    assert isinstance(config.value("c"), Unknown)
    assert isinstance(config.number("d"), Unknown)


def test_a_code_of_a_newer_broker_keeps_its_number() -> None:
    assert code_name(29) == "TOPIC_AUTHORIZATION_FAILED"
    assert code_name(9999) == "error 9999"


def test_what_no_broker_says_has_codes_of_our_own_and_what_mends_it() -> None:
    assert refused(BUDGET_SPENT, "offsets of t/0") == Unknown(
        Why.DEADLINE, "offsets of t/0: its broker was asked all that `requests` allows in one look", MORE_REQUESTS
    )
    for seconds, told in ((0.2, "1 s"), (12.4, "12 s"), (1e9, "8 h 20 min")):
        assert -(1 << 15) < throttled(seconds) < BUDGET_SPENT
        held = refused(throttled(seconds), "offsets of t/0")
        assert held == Unknown(Why.DEADLINE, f"offsets of t/0: throttled by its broker for {told}", LESS_THROTTLE)
