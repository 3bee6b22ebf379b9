"""Which Kafka answers: its version by the features and APIs that it tells, its kind by names and settings.

Sources: the levels of metadata.version are those of MetadataVersion.java (Apache Kafka 4.3); what Redpanda, Confluent,
MSK, Event Hubs and Aiven call their brokers and clusters is in their own documentation.
"""

from collections.abc import Iterable, Mapping

_LEVELS = {
    1: "3.0", 2: "3.1", 3: "3.2", 4: "3.3", 8: "3.4", 9: "3.5", 12: "3.6", 15: "3.7", 20: "3.8", 21: "3.9",
    22: "4.0", 26: "4.1", 28: "4.2", 30: "4.3",
}  # fmt: skip
"""The first level of metadata.version that a release has."""
_NEWEST = 30

_HOSTS = (
    (".kafka-serverless.", "Amazon MSK Serverless"),
    (".kafka.", "Amazon MSK"),
    (".confluent.cloud", "Confluent Cloud"),
    (".servicebus.windows.net", "Azure Event Hubs"),
    (".aivencloud.com", "Aiven for Apache Kafka"),
)


def release(level: int) -> str:
    """The release of Apache Kafka that brought a level of metadata.version; empty for none known."""
    fitting = [name for first, name in _LEVELS.items() if first <= level]
    if not fitting:
        return ""
    return f"{fitting[-1]} or newer" if level > _NEWEST else fitting[-1]


def version(features: Mapping[str, int], finalized: Mapping[str, int], guess: str) -> tuple[str, str]:
    """The version, and how it is known. `features` are the highest levels supported, `guess` what its APIs look like."""
    supported = release(features.get("metadata.version", 0))
    if supported:
        used = release(finalized.get("metadata.version", 0))
        behind = f"; the cluster's metadata.version is still that of {used}" if used and used != supported else ""
        return supported, f"by the feature metadata.version it supports{behind}"
    return guess, "by the versions of its APIs, which others imitate"


def kind(cluster_id: str, hosts: Iterable[str], settings: Iterable[str]) -> tuple[str, str]:
    """What it is, and how that is known: by cluster id, broker names, names of settings."""
    hosts = list(hosts)
    if cluster_id.startswith("redpanda."):
        return "Redpanda", "its cluster id begins with redpanda."
    for part, name in _HOSTS:
        amazon = ".kafka" in part
        for host in hosts:
            if part in host.lower() and (not amazon or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))):
                return name, f"a broker is called {host}"
    if cluster_id.startswith("lkc-"):
        return "Confluent Cloud", "its cluster id begins with lkc-"
    for name in settings:
        if name.startswith("confluent."):
            return "Confluent Platform", f"its brokers have the setting {name}"
    return "Apache Kafka", "nothing speaks for another"
