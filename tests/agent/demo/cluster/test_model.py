import pytest

from agent.demo.cluster import NOBODY, Commits, Rights, all_but, brokers


def test_commits_are_a_mapping_that_costs_eight_bytes_an_entry() -> None:
    commits = Commits({("t", 2): 20, ("u", 0): 5})
    assert dict(commits) == {("t", 2): 20, ("u", 0): 5}
    assert len(commits) == 2
    assert commits.topics["t"].itemsize * len(commits.topics["t"]) == 24
    del commits["t", 2]
    assert dict(commits) == {("u", 0): 5}
    for absent in (("t", 2), ("t", 9), ("t", -1), ("v", 0)):
        with pytest.raises(KeyError):
            commits[absent]
    with pytest.raises(KeyError):
        del commits["t", 2]


def test_topics_go_round_the_brokers() -> None:
    model = brokers(3)
    topic = model.add_topic("t", partitions=3, replication=2, retention_ms="5")
    assert [partition.replicas for partition in topic.partitions] == [(1, 2), (2, 3), (3, 1)]
    assert topic.configs["retention.ms"].value == "5"
    assert model.add_topic("u", 1).id != topic.id
    assert brokers(3).add_topic("t", 1).id == topic.id, "the same from run to run"


def test_a_fenced_broker_loses_leaders_and_isr_and_comes_back() -> None:
    model = brokers(2)
    both = model.add_topic("both", 1, 2).partitions[0]
    alone = model.add_topic("alone", 2).partitions[1]
    assert alone.replicas == (1,)
    model.fence(1)
    assert (both.leader, both.isr, both.offline, both.leader_epoch) == (2, (2,), (1,), 1)
    assert (alone.leader, alone.isr, alone.offline) == (NOBODY, (1,), (1,))
    model.unfence(1)
    assert (both.leader, both.isr, both.offline) == (2, (1, 2), ())
    assert (alone.leader, alone.offline) == (1, ())


def test_rights_show_as_operations() -> None:
    assert Rights(more=False).on_topic("t") == {8, 10}
    assert Rights(topics=all_but("t"), more=False).on_topic("t") == {10}
    assert Rights(groups={"g"}, more=False).on_group("g") == {8}
    assert Rights(cluster=False).on_cluster() == Rights().on_cluster() - {8}
    assert Rights(cluster_configs=False).on_cluster() == Rights().on_cluster() - {10}
