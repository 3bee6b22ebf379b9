"""What the demonstration looks at: a cluster and queues with the faults that first users find in their own."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agent.collect.aws.sqs import SqsCollector, SqsSettings
from agent.demo.cluster import NOBODY, Member, Model, brokers
from agent.errors import MqcanaryError

_REGION = "us-east-1"


def cluster_model(clock: Callable[[], float]) -> Model:
    """Three brokers; a group that is late, one with idle members, an offline partition, a topic without replicas."""
    model = brokers(3)
    model.clock = clock
    now = clock()
    orders = model.add_topic("orders", 4, 3, min_insync_replicas="2")
    payments = model.add_topic("payments", 3, 3, min_insync_replicas="2")
    model.add_topic("payments.dlq", 3, 3, min_insync_replicas="2")
    model.add_topic("audit-log", 2, 1)
    clicks = model.add_topic("clicks", 2, 3, min_insync_replicas="1")
    for partition in (*orders.partitions, *payments.partitions, *clicks.partitions):
        partition.append(9000, now - 1500)
        partition.append(1000, now - 20)
    clicks.partitions[1].leader = NOBODY
    read = {("orders", p): 10_000 for p in range(4)} | {("orders", 2): 4_200}
    owner = Member("orders-1", client_id="orders-app")
    owner.subscription, owner.assignment = ("orders",), {"orders": (0, 1, 2, 3)}
    model.add_group("order-processor", read, state="Stable", members=[owner])
    members = [Member(f"pay-{i}", client_id="payments-app") for i in range(5)]
    for i, member in enumerate(members):
        member.subscription, member.assignment = ("payments",), {"payments": (i,)} if i < 3 else {}
    model.add_group("payments-app", {("payments", p): 10_000 for p in range(3)}, state="Stable", members=members)
    return model


@contextmanager
def queues() -> Iterator[SqsCollector]:
    """A local SQS server with a few queues; gone, with its threads, at the end."""
    try:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415 - an extra
    except ImportError:
        raise MqcanaryError("the demo needs its extra: pip install 'mqcanary[demo]'") from None
    import boto3  # noqa: PLC0415 - slow to load

    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[key] = "demo"  # the demo's own process; its server takes anything
    os.environ.pop("AWS_PROFILE", None)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        _fill(boto3.client("sqs", region_name=_REGION, endpoint_url=url))
        yield SqsCollector(SqsSettings(region=_REGION, name="demo", endpoint_url=url))
    finally:
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        stopper.join(5)


def _fill(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName="invoices-dlq", Attributes={"MessageRetentionPeriod": "345600"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"5"}}'
    sqs.create_queue(QueueName="invoices", Attributes={"RedrivePolicy": policy, "MessageRetentionPeriod": "345600"})
    sqs.create_queue(QueueName="thumbnails")
    for n in range(7):
        sqs.send_message(QueueUrl=dead, MessageBody=str(n))
