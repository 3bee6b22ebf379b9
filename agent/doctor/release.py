"""Which release of Kafka answers, by the features and APIs that it tells."""

from collections.abc import Mapping

from checks.facts.features import METADATA, release


def version(features: Mapping[str, int], finalized: Mapping[str, int], guess: str) -> tuple[str, str]:
    """The version, and how it is known. `features` are the highest levels supported, `guess` what its APIs look like."""
    supported = release(features.get(METADATA, 0))
    if supported:
        used = release(finalized.get(METADATA, 0))
        behind = f"; the cluster's metadata.version is still that of {used}" if used and used != supported else ""
        return supported, f"by the feature metadata.version it supports{behind}"
    return guess, "by the versions of its APIs, which others imitate"
