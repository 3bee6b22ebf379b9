"""Log directories and reassignments as a real broker tells them."""

import time

import pytest

from agent.collect.kafka.collector import KafkaCollector, KafkaSettings
from checks import all_checks
from checks.facts import LogDir, Storage
from checks.limits import Limits
from checks.questions import Questions
from tests.live import seed
from tests.live.broker import KafkaCluster

pytestmark = pytest.mark.live


def test_each_broker_tells_its_volumes_and_what_lies_on_them(kafka3: KafkaCluster, fresh: str) -> None:
    seed.create_topics(kafka3.bootstrap, [fresh])
    seed.produce(kafka3.bootstrap, fresh, 10, partition=0, timestamp=int(time.time() * 1000))
    seen = KafkaCollector(KafkaSettings(kafka3.endpoints), Questions(all_checks(), Limits())).collect(None, 20)
    assert seen.reassignments == ()
    assert isinstance(seen.storage, dict)
    assert len(seen.storage) == len(kafka3.brokers)
    size = 0
    for told in seen.storage.values():
        assert isinstance(told, Storage)
        (folder,) = told.dirs
        assert isinstance(folder, LogDir)
        assert isinstance(folder.total, int)
        assert isinstance(folder.usable, int)
        assert 0 <= folder.usable < folder.total
        if fresh in told.topics:
            size += int(told.size[told.topic == told.topics.index(fresh)].sum())
    assert size > 10
