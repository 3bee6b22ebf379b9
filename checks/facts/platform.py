"""Whose Kafka a cluster is, where that shows: by its id, the names that its brokers advertise, or their settings.

No test ever reached one of these services; each marker is as its maker writes it down:
- Redpanda: metadata.cc answers `redpanda.` and an id, also before there is one, so that callers can tell. Its cloud: rpk's
  profile/validate_test.go has brokers under `cloud.redpanda.com`.
- Amazon MSK and MSK Serverless: developer guide, "Get the bootstrap brokers using the AWS CLI", and RegionUtilsTest.java of
  aws-msk-iam-auth: `b-1.NAME.ID.c2.kafka.REGION.amazonaws.com`, `boot-ID.c1.kafka-serverless.REGION.amazonaws.com`,
  `.amazonaws.com.cn` in China, `.api.aws` with IPv6. Standard and Express brokers are called alike.
- Confluent Cloud: as its console and CLI call them, `pkc-ID.REGION.CLOUD.confluent.cloud:9092` and `lkc-ID` for a cluster.
- Confluent Platform: "Self-Balancing Cluster Configuration", `confluent.balancer.enable`: Apache Kafka has no such setting.
- Event Hubs: README of azure-event-hubs-for-kafka, `NAMESPACE.servicebus.windows.net:9093`.
- Aiven: "Default service IP address and hostname", `SERVICE-PROJECT.*.aivencloud.com`.

Topics such as `__amazon_msk_canary` and racks such as `use1-az4` are no markers: the first are no part of a snapshot, and
anybody in such a zone may name racks so.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from checks.facts.kafka import BrokerConfig, Cluster
from checks.facts.unknown import Unknown


class Platform(StrEnum):
    """As a fact of checks it rests on the cluster's id and its brokers' names alone: settings may be denied, and what is not
    seen may decide nothing.
    """

    APACHE = "Apache Kafka"
    """Or one that does not show what it is."""
    MSK = "Amazon MSK"
    MSK_SERVERLESS = "Amazon MSK Serverless"
    CONFLUENT_CLOUD = "Confluent Cloud"
    CONFLUENT = "Confluent Platform"
    REDPANDA = "Redpanda"
    EVENT_HUBS = "Azure Event Hubs"
    AIVEN = "Aiven for Apache Kafka"

    @property
    def keeps_brokers(self) -> bool:
        """Its maker alone places replicas and provides storage: neither is its user's to see or to mend.

        Sources: MSK developer guide, "What is MSK Serverless?"; "Kafka Cluster Types in Confluent Cloud", fully managed
        replica placement.
        """
        return self in {Platform.MSK_SERVERLESS, Platform.CONFLUENT_CLOUD}

    @property
    def keeps_controllers(self) -> bool:
        """Its maker alone sees to the controllers.

        Sources: as for brokers; MSK developer guide, "Metadata management": KRaft controllers need no setup or management.
        """
        return self.keeps_brokers or self is Platform.MSK

    @property
    def fixes_durability(self) -> bool:
        """How many copies a record needs, who may lead and when a disk is flushed is nothing that its user sets.

        Sources: Redpanda, config_response_utils.cc (a topic has neither min.insync.replicas, unclean.leader.election.enable nor
        flush.messages) and "Configure Producers" (acks=all: on a majority of brokers, and flushed); MSK developer guide,
        "Configuration for serverless clusters".
        """
        return self in {Platform.REDPANDA, Platform.MSK_SERVERLESS}


class Recognised(NamedTuple):
    platform: Platform
    by: str
    """The marker, in words: it has a name as a broker tells it."""


_HOSTS = (
    (re.compile(r"\.kafka-serverless\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|api\.aws)$"), Platform.MSK_SERVERLESS),
    (re.compile(r"\.kafka\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|api\.aws)$"), Platform.MSK),
    (re.compile(r"\.confluent\.cloud$"), Platform.CONFLUENT_CLOUD),
    (re.compile(r"\.cloud\.redpanda\.com$"), Platform.REDPANDA),
    (re.compile(r"\.servicebus\.windows\.net$"), Platform.EVENT_HUBS),
    (re.compile(r"\.aivencloud\.com$"), Platform.AIVEN),
)
_IDS = (("redpanda.", Platform.REDPANDA), ("lkc-", Platform.CONFLUENT_CLOUD))


def recognise(cluster: Cluster, configs: Mapping[str, BrokerConfig | Unknown] | None = None) -> Recognised:
    """Which platform it is, and by what; `configs` are the settings of its brokers, by id."""
    for start, platform in _IDS:
        if cluster.id.startswith(start):
            return Recognised(platform, f"its cluster id begins with {start}")
    for broker in cluster.brokers:
        name = broker.host.lower().rstrip(".")
        for pattern, platform in _HOSTS:
            if pattern.search(name):
                return Recognised(platform, f"a broker is called {broker.host}")
    settings = (configs or {}).values()
    for config in settings:
        setting = (
            None
            if isinstance(config, Unknown)
            else next((s for s in config.settings if s.startswith("confluent.")), None)
        )
        if setting is not None:
            return Recognised(Platform.CONFLUENT, f"its brokers have the setting {setting}")
    unseen = "; settings of brokers are not seen" if any(isinstance(config, Unknown) for config in settings) else ""
    return Recognised(Platform.APACHE, f"nothing speaks for another{unseen}")
