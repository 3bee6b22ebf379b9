from collections.abc import Iterator

from checks.check import Fix, Kind, Problem, Seen, Severity, check
from checks.facts import Cluster, Features, Platform, Unknown, known
from checks.facts.features import METADATA, release

RAISED = (METADATA, "group.version", "transaction.version")
"""What every upgrade raises by default, from the release on that brought it."""


@check(kind=Kind.CONFIGURATION, severity=Severity.INFO)
def feature_level_behind(cluster: Cluster, features: Features | None, platform: Platform) -> Iterator[Problem]:
    """An upgrade was not finished: every broker supports a higher level of a feature than the cluster uses.

    Why: new brokers go on working as the release before until somebody raises the levels. What the new release brings stays
        off: transactions without the gap that KIP-890 closes (transaction.version 2), the consumer protocol (group.version 1),
        and whatever needs the metadata's new format. The next release may no longer start from so old a level.
    How: of metadata.version, group.version and transaction.version, the highest level that every broker supports, and the
        finalized one (ApiVersions, KIP-584).
    Limits: none.
    Silent when: brokers support different levels: an upgrade is under way; nothing is finalized (ZooKeeper); other
        features, which change what one has set up or are there for who wants them: kraft.version (0 is a static quorum),
        eligible.leader.replicas.version (takes min.insync.replicas of single brokers away), share.version,
        streams.version; Amazon MSK and Confluent Cloud, which raise them themselves. A broker that was not seen, or is away,
        may be an old one: a gap.
    Source: KIP-584 and KIP-1022; Apache Kafka documentation, "Upgrading", whose last step raises the levels; the tables of
        kafka-features.sh version-mapping (4.3).
    """
    del cluster  # the resource whose features they are
    if features is None or platform.keeps_controllers:
        return
    told = [one for one in features.supported.values() if not isinstance(one, Unknown)]
    if any(one != told[0] for one in told):
        return
    used = features.finalized
    behind = {name: highest for name in RAISED for one in told[:1] if (highest := one.get(name, 0)) > used.get(name, 0)}
    if behind or not told:
        for one in features.supported.values():
            known(one)
    if not behind:
        return
    steps = [f"{_level(name, used.get(name, 0))} of {_level(name, highest)}" for name, highest in behind.items()]
    levels = " ".join(f"--feature {name}={highest}" for name, highest in behind.items())
    yield Problem(
        summary=f"the cluster uses {', '.join(f'{name} {step}' for name, step in zip(behind, steps, strict=True))}, which "
        "every broker supports: its last upgrade was not finished",
        evidence=tuple(Seen(f"features.finalized[{name}]", used.get(name, 0), "level") for name in behind),
        fix=Fix(
            "Raise them once the new release has proved itself, and the controllers run it too: going back to the release "
            "before may not be possible afterwards. `kafka-features.sh --bootstrap-server $BOOTSTRAP describe` shows the "
            "levels. `upgrade --release-version` instead of the features by name raises every other one as well, "
            "kraft.version among them, which turns a static quorum of controllers into a dynamic one for good.",
            f"kafka-features.sh --bootstrap-server $BOOTSTRAP upgrade {levels}",
        ),
    )


def _level(name: str, level: int) -> str:
    brought = release(level) if name == METADATA else ""
    return f"{level} (Kafka {brought})" if brought else str(level)
