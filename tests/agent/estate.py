"""A cluster with the faults that first users find in their own."""

from collections.abc import Callable

from agent.demo.cluster import NOBODY, Member, Model, brokers


def cluster_model(clock: Callable[[], float]) -> Model:
    """Three brokers; a group that is late, one with idle members, an offline partition, a topic without replicas."""
    model = brokers(3)
    model.clock = clock
    now = clock()
    orders = model.add_topic("orders", 4, 3, min_insync_replicas="2")
    payments = model.add_topic("payments", 3, 3, min_insync_replicas="2")
    model.add_topic("payments.dlq", 3, 3, min_insync_replicas="2", retention_ms="1209600000")
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
