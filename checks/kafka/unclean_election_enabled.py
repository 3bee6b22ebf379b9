from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Platform, Topic, TopicConfig, known
from checks.wording import shell, shown


@check(kind=Kind.CONFIGURATION, severity=Severity.WARNING, together=True)
def unclean_election_enabled(topic: Topic, config: TopicConfig, platform: Platform) -> Iterator[Problem]:
    """A topic may be led by a replica that has not all of its records.

    Why: when every in-sync replica is away, one that fell behind takes over, and what only the others had is
        cut off without a word, though producers were told it was written; consumers may be beyond the end.
    How: unclean.leader.election.enable in force for the topic (DescribeConfigs).
    Limits: none.
    Silent when: the topic has one replica: there is nothing to elect; brokers of Amazon MSK, where the topic does not
        set it itself: MSK ships true, and nobody chose it; Redpanda, which has no such setting: Raft elects none that lacks
        an acknowledged record; Amazon MSK Serverless, where nobody can set it.
    Source: Apache Kafka documentation, unclean.leader.election.enable: "doing so may result in data loss"; Amazon MSK,
        default configuration; Redpanda, config_response_utils.cc.
    """
    if topic.replication_factor < 2 or platform.fixes_durability:
        return
    value = known(config.value("unclean.leader.election.enable"))
    if value != "true":
        return
    own = config.settings["unclean.leader.election.enable"].source == "DYNAMIC_TOPIC_CONFIG"
    if not own and platform is Platform.MSK:
        return
    command = "kafka-configs.sh --bootstrap-server $BOOTSTRAP --alter --entity-type topics --entity-name "
    yield Problem(
        summary=f"topic {shown(topic.name)} allows unclean leader election{'' if own else ', as its brokers do'}: records can be lost",
        evidence=(Seen("config.unclean.leader.election.enable", value),),
        fix=Fix(
            "Turn it off: the partition then waits for an in-sync replica."
            + ("" if own else " For all topics at once, on the brokers.")
            + (" Set it, do not delete it: Amazon MSK ships true." if platform is Platform.MSK else ""),
            f"{command}{shell(topic.name)} --add-config unclean.leader.election.enable=false",
        ),
    )
