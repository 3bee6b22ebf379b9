"""Levels of features (KIP-584): a broker supports some, and the cluster uses the one that somebody raised it to."""

from collections.abc import Mapping
from dataclasses import dataclass

from checks.facts.unknown import Unknown

METADATA = "metadata.version"
_RELEASES = {
    1: "3.0", 2: "3.1", 3: "3.2", 4: "3.3", 8: "3.4", 9: "3.5", 12: "3.6", 15: "3.7", 20: "3.8", 21: "3.9",
    22: "4.0", 26: "4.1", 28: "4.2", 30: "4.3",
}  # fmt: skip
"""The first level of metadata.version that a release has. Source: MetadataVersion.java (Apache Kafka 4.3)."""
_NEWEST = 30


@dataclass(frozen=True, slots=True)
class Features:
    """Without their epoch: it is the place in the metadata's log, which each change of anything moves on."""

    finalized: Mapping[str, int]
    """The level that the cluster uses, by feature; one that is not here is at 0."""
    supported: Mapping[str, Mapping[str, int] | Unknown]
    """The highest level of each feature, by id of the broker as text: of each that is up, and of each that is away and still
    holds replicas.
    """


def release(level: int) -> str:
    """The release of Apache Kafka that brought a level of metadata.version; empty for none known."""
    fitting = [name for first, name in _RELEASES.items() if first <= level]
    if not fitting:
        return ""
    return f"{fitting[-1]} or newer" if level > _NEWEST else fitting[-1]
