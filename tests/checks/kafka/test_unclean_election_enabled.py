from checks.facts import KafkaSnapshot, Setting
from checks.kafka.unclean_election_enabled import unclean_election_enabled as check
from tests.checks.examples import Example, judge, kafka, only, topic

KEY = "unclean.leader.election.enable"
MSK = "b-{}.orders.abc123.c2.kafka.us-east-1.amazonaws.com"


def look(value: str, source: str = "DYNAMIC_TOPIC_CONFIG", *, host: str = "b{}", rf: int = 3) -> tuple[KafkaSnapshot]:
    return (kafka([topic("orders", rf=rf, config={KEY: Setting(value, source)})], host=host),)


def told_nothing(rf: int = 3) -> tuple[KafkaSnapshot]:
    return (kafka([topic("orders", rf=rf)], cluster_id="redpanda.1234"),)


FIRING = (
    Example("the topic sets it", look("true")),
    Example("the brokers do", look("true", "STATIC_BROKER_CONFIG")),
    Example("the topic sets it on MSK", look("true", host=MSK)),
)
SILENT = (
    Example("off", look("false")),
    Example("MSK ships it so", look("true", "STATIC_BROKER_CONFIG", host=MSK)),
    Example("MSK in China ships it so", look("true", "STATIC_BROKER_CONFIG", host=f"{MSK}.cn")),
    Example("Redpanda has no such setting", told_nothing()),
    Example("one replica", look("true", rf=1)),
)


def test_says_who_set_it() -> None:
    assert "as its brokers do" not in only(judge(check, FIRING[0])).summary
    assert "as its brokers do" in only(judge(check, FIRING[1])).summary
    assert only(judge(check, FIRING[0])).fix.command.endswith(f"--entity-name orders --add-config {KEY}=false")


def test_on_msk_to_delete_the_setting_would_turn_it_on_again() -> None:
    words = "Set it, do not delete it: Amazon MSK ships true."
    assert [words in only(judge(check, example)).fix.text for example in FIRING] == [False, False, True]
