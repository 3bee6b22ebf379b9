from checks.check import Severity
from checks.facts import KafkaSnapshot
from checks.kafka.retention_infinite import retention_infinite as check
from tests.checks.examples import Example, judge, kafka, only, topic


def look(
    ms: str = "-1", size: str = "-1", policy: str = "delete", name: str = "orders", **more: str
) -> tuple[KafkaSnapshot]:
    config = {"retention.ms": ms, "retention.bytes": size, "cleanup.policy": policy}
    return (kafka([topic(name, config=config | {k.replace("_", "."): v for k, v in more.items()})]),)


FIRING = (Example("for ever", look()), Example("no remote storage", look(remote_storage_enable="false")))
SILENT = (
    Example("a week", look("604800000")),
    Example("bounded by size", look(size="1000000000")),
    Example("compacted", look(policy="compact")),
    Example("compacted and deleted", look(policy="compact,delete")),
    Example("purged by Kafka Streams", look(name="app-by-customer-repartition")),
    Example("remote storage", look(remote_storage_enable="true")),
)


def test_is_info() -> None:
    assert only(judge(check, FIRING[0])).severity is Severity.INFO
