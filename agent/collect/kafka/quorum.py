"""The quorum of controllers (KRaft), as the one that leads it tells it: a broker passes the question on."""

from typing import Any

from agent.collect.kafka.exchange import OddError
from agent.collect.kafka.storage import GRANT, denied
from agent.collect.kafka.wire import Wire
from checks.facts import Cluster, Quorum, Unknown, Voter, Why
from checks.facts.codes import CLUSTER_DENIED, refused

API_VERSIONS, DESCRIBE_QUORUM = 18, 55
_NO_TIMES = Unknown(Why.UNSUPPORTED, "the broker does not tell when controllers fetched (needs Kafka 3.3: KIP-836)")


def read_quorum(wire: Wire, cluster: Cluster) -> Quorum | Unknown | None:
    """None: the cluster has none, as with ZooKeeper. It is never the same twice: controllers fetch all the time."""
    from kafka.protocol.admin import DescribeQuorumRequest  # noqa: PLC0415 - the import costs 0.4 s

    node = cluster.controller
    version = wire.version(node, DESCRIBE_QUORUM)
    if version < 0 <= wire.version(node, API_VERSIONS):  # it answers, and knows no quorum
        return None
    if (refusal := denied(cluster)) is not None:
        return refusal
    if version == 0:
        return _NO_TIMES
    topic = DescribeQuorumRequest.TopicData
    log = topic(topic_name="__cluster_metadata", partitions=[topic.PartitionData(partition_index=0)])
    return wire.made(_quorum, node, DescribeQuorumRequest, 2, topics=[log])


def _quorum(answer: Any) -> Quorum | Unknown:
    if answer.error_code:
        return refused(answer.error_code, "the quorum", GRANT if answer.error_code == CLUSTER_DENIED else "")
    logs = [log for topic in answer.topics for log in topic.partitions]
    if len(logs) != 1:
        raise OddError
    (log,) = logs
    if log.error_code:
        return refused(log.error_code, "the quorum")
    hosts = {node.node_id: node.listeners[0].host for node in getattr(answer, "nodes", None) or () if node.listeners}
    voters = sorted(log.current_voters, key=lambda voter: int(voter.replica_id))
    return Quorum(
        log.leader_id,
        tuple(
            Voter(v.replica_id, hosts.get(v.replica_id, ""), v.last_fetch_timestamp, v.last_caught_up_timestamp)
            for v in voters
        ),
    )
