from checks.kafka.min_insync_unsafe import min_insync_unsafe as check
from tests.checks.examples import Example, judge, kafka, only, topic


def insync(value: str, rf: int = 3) -> tuple[object, ...]:
    return (kafka([topic("orders", 2, rf, config={"min.insync.replicas": value})]),)


FIRING = (
    Example("one of three", insync("1")),  # type: ignore[arg-type]
    Example("all of three", insync("3")),  # type: ignore[arg-type]
    Example("one of two", insync("1", 2)),  # type: ignore[arg-type]
)
SILENT = (
    Example("two of three", insync("2")),  # type: ignore[arg-type]
    Example("a single replica", insync("1", 1)),  # type: ignore[arg-type]
    Example(
        "nobody can set it on MSK Serverless",
        (
            kafka(
                [topic("orders", config={"min.insync.replicas": "1"})],
                host="boot-1a.c1.kafka-serverless.us-east-1.amazonaws.com",
            ),
        ),
    ),
    Example("Redpanda has no such setting", (kafka([topic("orders")], cluster_id="redpanda.1234"),)),
)


def test_says_what_it_costs() -> None:
    assert "can be lost" in only(judge(check, FIRING[0])).summary
    assert "stops producers" in only(judge(check, FIRING[1])).summary


def test_the_command_never_makes_it_worse() -> None:
    assert only(judge(check, FIRING[1])).fix.command.endswith("--add-config min.insync.replicas=2")
    two_copies = only(judge(check, FIRING[2])).fix
    assert "Raise the replication factor to 3 first" in two_copies.text
    assert two_copies.command == ""
