"""Which release of Kafka answers, by the features and APIs that it tells.

Source: the levels of metadata.version are those of MetadataVersion.java (Apache Kafka 4.3).
"""

from collections.abc import Mapping

_LEVELS = {
    1: "3.0", 2: "3.1", 3: "3.2", 4: "3.3", 8: "3.4", 9: "3.5", 12: "3.6", 15: "3.7", 20: "3.8", 21: "3.9",
    22: "4.0", 26: "4.1", 28: "4.2", 30: "4.3",
}  # fmt: skip
"""The first level of metadata.version that a release has."""
_NEWEST = 30


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
