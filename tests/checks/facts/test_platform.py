"""Whose Kafka it is, by each marker; names that only look like one are none."""

import pytest

from checks.facts import Platform, Unknown, Why
from checks.facts.platform import recognise
from tests.checks.examples import kafka


@pytest.mark.parametrize(
    ("host", "platform"),
    [
        ("b-1.demo.ab12.c2.kafka.us-east-1.amazonaws.com", Platform.MSK),
        ("b-1-public.demo.ab12.c2.kafka.eu-west-3.amazonaws.com", Platform.MSK),
        ("b-1.demo.ab12.c2.kafka.cn-north-1.amazonaws.com.cn", Platform.MSK),
        ("b-1.demo.ab12.c2.kafka.us-west-2.api.aws", Platform.MSK),
        ("boot-1a2b3c4d.c1.kafka-serverless.us-east-1.amazonaws.com", Platform.MSK_SERVERLESS),
        ("b0-pkc-1a2b3.us-east-2.aws.Confluent.Cloud.", Platform.CONFLUENT_CLOUD),
        ("0-b1b12e51-f076999.d8c8o6pj.fmc.prd.cloud.redpanda.com", Platform.REDPANDA),
        ("demo.servicebus.windows.net", Platform.EVENT_HUBS),
        ("kafka-1a2b-demo.a.aivencloud.com", Platform.AIVEN),
        ("my.kafka.example", Platform.APACHE),
        ("kafka.us-east-1.amazonaws.com.evil.example", Platform.APACHE),
        ("ec2-1-2-3-4.compute-1.amazonaws.com", Platform.APACHE),
        ("notconfluent.cloud", Platform.APACHE),
    ],
)
def test_by_the_name_that_a_broker_advertises(host: str, platform: Platform) -> None:
    cluster = kafka(host=host).cluster
    assert not isinstance(cluster, Unknown)
    told = recognise(cluster)
    assert told.platform is platform
    assert (host in told.by) == (platform is not Platform.APACHE)


@pytest.mark.parametrize(
    ("cluster_id", "platform"),
    [
        ("redpanda.9722a164-329b-4c17-8b03-e3109f0e9196", Platform.REDPANDA),
        ("redpanda.initializing", Platform.REDPANDA),
        ("lkc-1a2b3c", Platform.CONFLUENT_CLOUD),
        ("redpanda", Platform.APACHE),
        ("5L6g3nShT-eMCtK--X86sw", Platform.APACHE),
    ],
)
def test_by_the_cluster_id(cluster_id: str, platform: Platform) -> None:
    cluster = kafka(cluster_id=cluster_id).cluster
    assert not isinstance(cluster, Unknown)
    assert recognise(cluster).platform is platform


def test_by_a_setting_that_only_confluents_brokers_have() -> None:
    whole = kafka(broker_configs={1: {"confluent.balancer.enable": "false"}, 2: {"num.partitions": "1"}})
    assert not isinstance(whole.cluster, Unknown)
    denied = {broker: Unknown(Why.DENIED, "no") for broker in whole.broker_configs}
    assert recognise(whole.cluster, {"9": denied["1"], **whole.broker_configs}).platform is Platform.CONFLUENT
    assert recognise(whole.cluster, denied) == (
        Platform.APACHE,
        "nothing speaks for another; settings of brokers are not seen",
    )
    assert recognise(whole.cluster).platform is Platform.APACHE
