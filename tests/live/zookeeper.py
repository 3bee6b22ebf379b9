"""One broker of Kafka 2.4, from before KRaft, with a ZooKeeper beside it, for the time of a `with` block."""

import shutil
import tempfile
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException

from tests.live import seed
from tests.live.broker import java
from tests.live.process import Process, free_port, until

RELEASE = "2.4.1"


class ZooKeeperKafka:
    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mqcanary-kafka-"))
        self._port, self._keeper = free_port(), free_port()
        self._running: list[Process] = []

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        return (("127.0.0.1", self._port),)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        keeper, config = self._folder / "zookeeper.properties", self._folder / "server.properties"
        keeper.write_text(
            f"dataDir={self._folder}/keeper\nclientPort={self._keeper}\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\n"
        )
        properties = {
            "broker.id": "1",
            "zookeeper.connect": f"127.0.0.1:{self._keeper}",
            "zookeeper.connection.timeout.ms": "30000",
            "listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": f"{self._folder}/data",
            "offsets.topic.num.partitions": "3",
            "offsets.topic.replication.factor": "1",
            "group.initial.rebalance.delay.ms": "0",
            "log.cleaner.dedupe.buffer.size": "4194304",
        }
        config.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        self._launch("org.apache.zookeeper.server.quorum.QuorumPeerMain", keeper, "64m")
        self._launch("kafka.Kafka", config, "128m")
        until(self._answers, "the broker answers", timeout=60)

    def _launch(self, main: str, config: Path, heap: str) -> None:
        argv = java(main, str(config), heap=heap, release=RELEASE)
        self._running.append(Process(main, argv, self._folder / f"{config.stem}.log"))

    def _answers(self) -> bool:
        for process in self._running:
            process.check()
        try:
            return bool(seed.admin(self.bootstrap).list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def stop(self) -> None:
        for process in reversed(self._running):
            process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
