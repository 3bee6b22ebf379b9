from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from alerts.inhibit import RULES
from checks.evaluate import Fingerprint, Verdict, evaluate
from checks.facts import Group, History, KafkaSnapshot, Member, Topic, TopicConfig, Unknown, Why, facts_of
from checks.kafka.unassigned_partition import unassigned_partition as check
from checks.limits import Limits
from checks.questions import Questions
from tests.checks.examples import Example, group, judge, kafka, member, only, topic

ORDERS = topic("orders", 3)
BOTH = (ORDERS, topic("bills", 2))
ONE, TWO = member("m1", {"orders": (0,)}), member("m2", {"orders": (2,)})
BY_PATTERN = replace(ONE, subscribed=())


def wants(made: Member, *topics: str) -> Member:
    return replace(made, subscribed=topics)


def look(
    *members: Member,
    state: str = "Stable",
    kind: str = "classic",
    protocol: str = "consumer",
    there: Sequence[tuple[Topic, TopicConfig]] = (ORDERS,),
    absent: Sequence[str] = (),
    epochs: tuple[int, int] | tuple[None, None] = (None, None),
) -> tuple[KafkaSnapshot, ...]:
    made = group("app", members, state=state, kind=kind)
    who = replace(made, protocol_type=protocol, epoch=epochs[0], assignment_epoch=epochs[1])
    return (kafka(there, [who], absent=absent),)


FIRING = (
    Example("one of three", look(ONE, TWO)),
    Example(
        "with the new protocol", look(replace(ONE, epoch=7), replace(TWO, epoch=7), kind="consumer", epochs=(7, 7))
    ),
    Example("chosen by a pattern on the broker", look(BY_PATTERN, kind="consumer")),
    Example("a whole topic", look(wants(member("m1", {"orders": (0, 1, 2)}), "bills", "orders"), there=BOTH)),
    Example("of two topics", look(wants(ONE, "bills", "orders"), wants(TWO, "bills", "orders"), there=BOTH)),
    Example("members that own nothing at all", look(wants(member("m1", {}), "orders"))),
)
HIDDEN = replace(ONE, assigned=Unknown(Why.OFF, ""), subscribed=Unknown(Why.OFF, ""))
SILENT = (
    Example("every partition has an owner", look(member("m1", {"orders": (0, 1)}), TWO)),
    Example("a classic group rebalances", look(HIDDEN, state="PreparingRebalance")),
    Example(
        "partitions are on their way from one member to another", look(ONE, TWO, state="Reconciling", kind="consumer")
    ),
    Example(
        "one has not taken up its part",
        look(ONE, replace(TWO, epoch=6), state="Stable", kind="consumer", epochs=(7, 7)),
    ),
    Example("what there is now is not dealt out yet", look(replace(ONE, epoch=6), kind="consumer", epochs=(7, 6))),
    Example("nobody is in it", look(state="Empty")),
    Example("Kafka Connect deals out tasks", look(HIDDEN, protocol="connect")),
    Example(
        "a topic that was deleted",
        look(wants(member("m1", {"orders": (0, 1, 2)}), "gone", "orders"), absent=["gone"]),
    ),
    Example("a topic of the platform's own", look(wants(member("m1", {}), "__consumer_offsets"))),
)


def test_it_says_which_and_who_should_read_it() -> None:
    finding = only(judge(check, FIRING[0]))
    assert finding.summary == (
        "nobody in group app owns partition 1 of orders (2 of 3 are dealt out, 2 members subscribe to it)"
    )
    assert finding.after == timedelta(minutes=7)
    assert finding.fix.command.endswith("--describe --members --verbose --group app")
    assert only(judge(check, FIRING[2])).summary.endswith("owns partitions 1, 2 of orders (1 of 3 are dealt out)")
    assert only(judge(check, FIRING[4])).summary == (
        "nobody in group app owns partitions 0, 1 of bills (0 of 2 are dealt out, 2 members subscribe to it); "
        "the same on 1 other topic"
    )


def test_what_members_subscribe_to_is_asked_for_by_name() -> None:
    (snapshot,) = look(wants(ONE, "gone", "orders"))
    (who,) = [one for one in snapshot.groups.items.values() if isinstance(one, Group)]
    address = snapshot.address.under("groups", "app")
    assert Questions([check], Limits()).topics(address, who) == {"gone", "orders"}
    report = judge(check, Example("", (snapshot,)))
    assert [gap.unknown.why for gap in report.gaps.values() if gap.check] == [Why.UNSUPPORTED]


def test_it_ends_when_all_are_dealt_out_and_not_in_a_rebalance_that_hides_it() -> None:
    mark = Fingerprint(check.id, look()[0].address.under("groups", "app"))

    def verdict(snapshot: KafkaSnapshot) -> Verdict:
        return evaluate(facts_of(snapshot, History()), [check], Limits(), firing={mark}).verdict(mark)

    assert verdict(look(ONE, TWO)[0]) is Verdict.PROBLEM
    assert verdict(look(member("m1", {"orders": (0, 1)}), TWO)[0]) is Verdict.CLEAR
    unseen = replace(look(ONE, TWO)[0], groups=kafka([], [group("app", [HIDDEN])]).groups)
    assert verdict(unseen) is Verdict.UNKNOWN


def test_the_lag_that_it_brings_about_is_told_under_it() -> None:
    assert {rule.symptom for rule in RULES if rule.cause == check.id} == {
        "kafka/lag-on-one-partition",
        "kafka/group-lagging",
    }
