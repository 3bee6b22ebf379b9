"""A real Apache Kafka of one or more brokers (KRaft, each broker and controller at once) on 127.0.0.1.

The PLAINTEXT listener is always there, for the brokers among themselves and for seeding. With the authorizer on, whoever comes
through it is ANONYMOUS and a super-user; so is a client of the SSL listener, which shows no certificate. Authorization is therefore
tried through MTLS and the SASL listeners.
"""

import base64
import contextlib
import dataclasses
import functools
import shutil
import socket
import struct
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from agent.config.model import read_endpoints
from tests.live import jars
from tests.live.certs import Certs
from tests.live.process import Process, free_port, until

# Name of a listener: its protocol. MTLS is SSL that insists on the client's certificate, OAUTH takes unsigned tokens alone.
PROTOCOLS = {
    "PLAINTEXT": "PLAINTEXT",
    "SSL": "SSL",
    "MTLS": "SSL",
    "SASL_PLAINTEXT": "SASL_PLAINTEXT",
    "SASL_SSL": "SASL_SSL",
    "OAUTH": "SASL_PLAINTEXT",
}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
# One start matters more than the speed of a day: the first compiler only, the smallest collector, no shared counters in /tmp.
JVM = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


def java(main: str, *arguments: str, heap: str, release: str = "") -> list[str]:
    return [jars.java(), f"-Xmx{heap}", *JVM, "-cp", jars.classpath(release), main, *arguments]


@dataclasses.dataclass
class Broker:
    node: int
    folder: Path
    ports: Mapping[str, int]
    process: Process | None = None

    @property
    def log(self) -> Path:
        return self.folder / "broker.log"

    @property
    def config(self) -> Path:
        return self.folder / "server.properties"

    def running(self) -> bool:
        return self.process is not None and self.process.alive()


class KafkaCluster:
    """A cluster for the time of a `with` block. Brokers are named by node id, from 1.

    `listeners` beside PLAINTEXT: SSL, MTLS, SASL_PLAINTEXT, SASL_SSL, OAUTH. `users` maps name to password, for PLAIN and both SCRAMs.
    `release` is Kafka's, the newest that we test with if empty. `authorizer` turns on StandardAuthorizer, with ANONYMOUS (the PLAINTEXT listener) and `superusers` above it.
    """

    def __init__(
        self,
        brokers: int = 1,
        *,
        listeners: Iterable[str] = (),
        racks: Sequence[str] = (),
        users: Mapping[str, str] | None = None,
        authorizer: bool = False,
        superusers: Iterable[str] = (),
        properties: Mapping[str, str] | None = None,
        heap: str = "128m",
        release: str = "",
    ) -> None:
        self.listeners = ("PLAINTEXT", *(name for name in listeners if name != "PLAINTEXT"))
        self.users = dict(users or {})
        self.cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._racks = racks
        self._superusers = ("ANONYMOUS", *superusers) if authorizer else ()
        self._properties = dict(properties or {})
        self._heap = heap
        self._release = release
        self._folder = Path(tempfile.mkdtemp(prefix="mqcanary-kafka-"))
        self.certs = Certs.make(self._folder) if {"SSL", "MTLS", "SASL_SSL"} & set(self.listeners) else None
        self.brokers = {
            node: Broker(
                node, self._folder / f"node{node}", {name: free_port() for name in ("CONTROLLER", *self.listeners)}
            )
            for node in range(1, brokers + 1)
        }

    # ── where it is ──

    @property
    def bootstrap(self) -> str:
        return self.bootstrap_of("PLAINTEXT")

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each broker, as `bootstrap` has them."""
        return read_endpoints(self.bootstrap)

    def bootstrap_of(self, listener: str) -> str:
        return ",".join(self.address(node, listener) for node in self.brokers)

    def address(self, node: int, listener: str = "PLAINTEXT") -> str:
        return f"127.0.0.1:{self.brokers[node].ports[listener]}"

    def client_config(
        self,
        listener: str = "PLAINTEXT",
        *,
        user: str = "",
        password: str | None = None,
        mechanism: str = "SCRAM-SHA-256",
    ) -> dict[str, Any]:
        """What librdkafka needs to come in through a listener, as `user` with its true password unless another is given."""
        protocol = PROTOCOLS[listener]
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_of(listener),
            "security.protocol": protocol,
            "log_level": 0,
        }
        if protocol.endswith("SSL") and self.certs:
            config["ssl.ca.location"] = str(self.certs.ca)
        if listener == "MTLS" and self.certs:
            config |= {
                "ssl.certificate.location": str(self.certs.client_cert),
                "ssl.key.location": str(self.certs.client_key),
            }
        if protocol.startswith("SASL"):
            secret = self.users[user] if password is None else password
            config |= {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": secret}
        return config

    # ── start and stop ──

    def start(self) -> Self:
        try:
            self._format()
            for broker in self.brokers.values():
                self._launch(broker)
            self.wait_ready(timeout=60)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Everything goes at once, and its data with it: a controlled shutdown would only wait for the ones that are gone."""
        for broker in self.brokers.values():
            if broker.process:
                broker.process.terminate()
        for broker in self.brokers.values():
            if broker.process:
                broker.process.stop(grace=1.0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop_broker(self, node: int) -> None:
        """A controlled shutdown; returns when the others know."""
        self._end(node, kill=False)

    def kill_broker(self, node: int) -> None:
        """The power cord; returns when the others know."""
        self._end(node, kill=True)

    def lower(self, feature: str, level: int) -> None:
        """Of a feature that the cluster uses."""
        words = ("--bootstrap-server", self.bootstrap, "downgrade", "--feature", f"{feature}={level}")
        argv = java("org.apache.kafka.tools.FeatureCommand", *words, heap="96m", release=self._release)
        subprocess.run(argv, capture_output=True, check=True, timeout=60)

    def limit(self, *entity: str, rate: int) -> None:
        """Bytes a second that consumers may read; `entity` as kafka-configs.sh has it: --entity-type clients --entity-name app."""
        self._quota("--add-config", f"consumer_byte_rate={rate}", *entity)

    @contextlib.contextmanager
    def slowed(self, *entity: str, percentage: float) -> Iterator[None]:
        """What the brokers' threads may do for the same, in per cent of one of them; the cluster is as before afterwards."""
        self._quota("--add-config", f"request_percentage={percentage}", *entity)
        try:
            yield
        finally:
            self._quota("--delete-config", "request_percentage", *entity)

    def _quota(self, *words: str) -> None:
        words = ("--bootstrap-server", self.bootstrap, "--alter", *words)
        argv = java("kafka.admin.ConfigCommand", *words, heap="96m", release=self._release)
        subprocess.run(argv, capture_output=True, check=True, timeout=60)

    def configure(self, node: int, properties: Mapping[str, str]) -> None:
        """What one broker is told from its next start on."""
        with self.brokers[node].config.open("a") as file:  # the last value of a key counts
            file.writelines(f"{key}={value}\n" for key, value in properties.items())

    def start_broker(self, node: int) -> None:
        """On its old ports and data; returns when it is known and every partition of the cluster is led."""
        if not self.brokers[node].running():
            self._launch(self.brokers[node])
        self.wait_ready()

    @contextlib.contextmanager
    def down(self, node: int, *, kill: bool = False) -> Iterator[None]:
        """One broker less for the time of the block: what a shared cluster's tests use, it is whole again afterwards."""
        try:
            self._end(node, kill=kill)
            yield
        finally:
            self.start_broker(node)

    def pid(self, node: int) -> int:
        process = self.brokers[node].process
        assert process is not None, f"broker {node} was never started"
        return process.pid

    # ── what it says ──

    def running(self) -> set[int]:
        return {node for node, broker in self.brokers.items() if broker.running()}

    def metadata(self, timeout: float = 5.0) -> ClusterMetadata:
        servers = ",".join(self.address(node) for node in self.running())
        return AdminClient({"bootstrap.servers": servers, "log_level": 0}).list_topics(timeout=timeout)

    def wait_ready(self, *, timeout: float = 30.0) -> None:
        """Every broker that runs answers ApiVersions and is known, no other is; if all run, every partition is led.

        ApiVersions alone is not enough: after a restart it answers while leaders are still -1.
        """
        for node in self.running():
            self._wait(functools.partial(self._answers, node), f"broker {node} answers ApiVersions", timeout)
        self._wait(self._settled, "the brokers know each other and every partition is led", timeout)

    def log_tail(self) -> str:
        return "\n".join(broker.process.tail() for broker in self.brokers.values() if broker.process)

    # ── inside ──

    def _wait(self, probe: Callable[[], bool], what: str, timeout: float) -> None:
        expected = self.running()

        def watched() -> bool:
            for node in expected:
                process = self.brokers[node].process
                if process:
                    process.check()
            return probe()

        try:
            until(watched, what, timeout=timeout)
        except TimeoutError as late:
            raise TimeoutError(f"{late}\n{self.log_tail()}") from None

    def _answers(self, node: int) -> bool:
        request = struct.pack(">hhih", 18, 0, 1, -1)  # ApiVersions v0, correlation 1, no client id
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.brokers[node].ports["PLAINTEXT"]), 2) as link,
        ):
            link.settimeout(5)
            link.sendall(struct.pack(">i", len(request)) + request)
            return len(link.recv(4)) == 4
        return False

    def _settled(self) -> bool:
        try:
            seen = self.metadata()
        except KafkaException:
            return False
        if set(seen.brokers) != self.running():
            return False
        whole = len(seen.brokers) == len(self.brokers)
        return not whole or all(p.leader >= 0 for topic in seen.topics.values() for p in topic.partitions.values())

    def _end(self, node: int, *, kill: bool) -> None:
        process = self.brokers[node].process
        if process and kill:
            process.kill()
        elif process:
            process.stop()
        if self.running():
            self.wait_ready()

    def _launch(self, broker: Broker) -> None:
        broker.process = Process(
            f"broker {broker.node}",
            java("kafka.Kafka", str(broker.config), heap=self._heap, release=self._release),
            broker.log,
        )

    def _format(self) -> None:
        """All at once: each is a JVM of its own."""
        scram = [
            argument
            for mechanism in MECHANISMS
            if mechanism.startswith("SCRAM")
            for user, password in self.users.items()
            for argument in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
        ]
        running = []
        for broker in self.brokers.values():
            broker.folder.mkdir()
            text = "".join(f"{key}={value}\n" for key, value in self._server_properties(broker).items())
            broker.config.write_text(text)
            # One id in 64 begins with a dash, and would pass for an option.
            arguments = ["format", "-c", str(broker.config), f"--cluster-id={self.cluster_id}", *scram]
            argv = java("kafka.tools.StorageTool", *arguments, heap="64m", release=self._release)
            running.append(Process(f"format of node {broker.node}", argv, broker.folder / "format.log"))
        for process in running:
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                code = None
            process.kill()
            if code != 0:
                raise RuntimeError(f"{process.name} ended with code {code}\n{process.tail()}")

    def _server_properties(self, broker: Broker) -> dict[str, str]:
        copies = str(min(3, len(self.brokers)))
        majority = str(min(2, len(self.brokers)))
        names = ("CONTROLLER", *self.listeners)
        voters = (f"{other.node}@127.0.0.1:{other.ports['CONTROLLER']}" for other in self.brokers.values())
        result = {
            "process.roles": "broker,controller",
            "node.id": str(broker.node),
            "controller.quorum.voters": ",".join(voters),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": ",".join(f"{name}://127.0.0.1:{broker.ports[name]}" for name in names),
            "listener.security.protocol.map": ",".join(f"{name}:{PROTOCOLS.get(name, 'PLAINTEXT')}" for name in names),
            "log.dirs": str(broker.folder / "data"),
            "offsets.topic.num.partitions": "6",
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": "3",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": majority,
            "share.coordinator.state.topic.num.partitions": "3",
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": majority,
            "num.network.threads": "2",
            "num.io.threads": "4",
            "log.cleaner.dedupe.buffer.size": "4194304",  # its default of 128 MB is heap
            # Groups settle and brokers are missed in a second or three, not in Kafka's patient defaults.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "group.consumer.min.heartbeat.interval.ms": "500",
            "group.consumer.heartbeat.interval.ms": "500",
            "group.streams.min.heartbeat.interval.ms": "500",
            "group.streams.heartbeat.interval.ms": "500",
            "group.streams.initial.rebalance.delay.ms": "0",
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "3000",
            # Kafka's default, written out: a metadata request of ours that creates a topic must show in every live test.
            "auto.create.topics.enable": "true",
        }
        if broker.node <= len(self._racks):
            result["broker.rack"] = self._racks[broker.node - 1]
        return result | self._security() | self._properties

    def _security(self) -> dict[str, str]:
        result: dict[str, str] = {}
        if self.certs:
            result |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(self.certs.server_keystore),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.certs.ca),
                "listener.name.mtls.ssl.client.auth": "required",
                "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            }
        sasl = [name for name in self.listeners if name.startswith("SASL")]
        if sasl:
            result["sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
        for name in sasl:
            prefix = f"listener.name.{name.lower()}"
            known = " ".join(f'user_{user}="{password}"' for user, password in self.users.items())
            module = "org.apache.kafka.common.security"
            result[f"{prefix}.plain.sasl.jaas.config"] = f"{module}.plain.PlainLoginModule required {known};"
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                result[f"{prefix}.{mechanism}.sasl.jaas.config"] = f"{module}.scram.ScramLoginModule required;"
        if (
            "OAUTH" in self.listeners
        ):  # Kafka's own validator for development: it believes whatever a token says, until its end
            module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
            login = f'{module} required unsecuredLoginStringClaim_sub="broker";'
            result |= {
                "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
                "listener.name.oauth.oauthbearer.sasl.jaas.config": login,
            }
        if self._superusers:
            result |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": ";".join(f"User:{name}" for name in self._superusers),
            }
        return result
