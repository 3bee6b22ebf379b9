from checks.facts import KafkaSnapshot, Setting
from checks.kafka.flush_interval_set import flush_interval_set as check
from tests.checks.examples import Example, judge, kafka, only, topic

NEVER = Setting(str(2**63 - 1), "DEFAULT_CONFIG")


def look(messages: Setting = NEVER, ms: Setting = NEVER, rf: int = 3) -> tuple[KafkaSnapshot]:
    return (kafka([topic("orders", rf=rf, config={"flush.messages": messages, "flush.ms": ms})]),)


ONE = Setting("1", "DYNAMIC_TOPIC_CONFIG")
FIRING = (
    Example("each record", look(ONE)),
    Example("each second, by the brokers", look(ms=Setting("1000", "STATIC_BROKER_CONFIG"))),
)
SILENT = (
    Example("as it comes", look()),
    Example("one replica", look(ONE, rf=1)),
    Example(
        "Redpanda flushes before it answers, and tells no flush.messages",
        (kafka([topic("orders", config={"flush.ms": Setting("50", ONE.source)})], cluster_id="redpanda.1234"),),
    ),
    Example("set to never", look(Setting(str(2**63 - 1), "STATIC_BROKER_CONFIG"))),
)


def test_takes_back_what_the_topic_sets() -> None:
    assert only(judge(check, FIRING[0])).fix.command.endswith("--delete-config flush.messages")
    brokers = only(judge(check, FIRING[1])).fix
    assert brokers.command == ""
    assert "of the brokers" in brokers.text
