"""A simulated Kafka cluster: real protocol over TCP, state as plain data, faults on demand, no JVM.

    model = brokers(3)
    model.add_topic("orders", partitions=4, replication=3)
    with SimulatedCluster(model) as cluster:
        client = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        with cluster.fault(api=16, broker=2, delay=0.5):
            client.list_groups()

It serves `mqcanary demo`, and tests of faults and sizes that a real cluster can't be brought to. It shares its codec with
kafka-python, so a mistake there would hide from a test with that client: its own tests ask confluent-kafka as well.
"""

from agent.demo.cluster.connection import Request
from agent.demo.cluster.estate import brokers, estate
from agent.demo.cluster.faults import Fault
from agent.demo.cluster.model import (
    ANONYMOUS,
    NOBODY,
    Broker,
    Commits,
    Config,
    Group,
    Member,
    Model,
    Partition,
    Rights,
    Source,
    Topic,
    Voter,
    all_but,
)
from agent.demo.cluster.records import Point
from agent.demo.cluster.server import SimulatedCluster
from agent.demo.cluster.writing import Writing

__all__ = [
    "ANONYMOUS",
    "NOBODY",
    "Broker",
    "Commits",
    "Config",
    "Fault",
    "Group",
    "Member",
    "Model",
    "Partition",
    "Point",
    "Request",
    "Rights",
    "SimulatedCluster",
    "Source",
    "Topic",
    "Voter",
    "Writing",
    "all_but",
    "brokers",
    "estate",
]
