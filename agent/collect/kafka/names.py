"""Which groups there are, and nothing else of them."""

from agent.collect.kafka.groups import list_groups
from agent.collect.kafka.metadata import read_metadata
from agent.collect.kafka.wire import UnreachableError, wired
from agent.collect.targets import Collector
from checks.facts import Unknown


def group_names(collector: Collector, seconds: float) -> frozenset[str]:
    """Those of a cluster that are looked at, as far as its brokers list them; none where that takes longer."""
    from agent.collect.kafka.collector import KafkaCollector  # noqa: PLC0415 - which loads this beside it

    if not isinstance(collector, KafkaCollector):
        return frozenset()
    settings = collector.settings
    try:
        with wired(settings.bootstrap, settings.security, seconds, collector.calls) as wire:
            metadata = read_metadata(wire, ())
            if isinstance(metadata, Unknown):
                return frozenset()
            brokers = metadata.cluster.brokers
            wire.know({broker.id: (broker.host, broker.port) for broker in brokers})
            listed = list_groups(wire, [broker.id for broker in brokers])
    except UnreachableError:
        return frozenset()
    return frozenset(name for name in listed.groups if settings.groups.has(name))
