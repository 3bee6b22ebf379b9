"""What the platforms themselves make, left out by default and printed by `checks list`, so that nobody wonders."""

TOPICS = (
    "__*",
    "_schemas",
    "_confluent*",
    "amazon.msk.canary.*",
    "strimzi*",
    "mm2-*",
    "connect-configs",
    "connect-offsets",
    "connect-status",
)
"""Topics of brokers, registries, operators, MirrorMaker 2 and Connect."""

GROUPS = ("console-consumer-*", "kafka-ui*", "kminion*", "burrow-*", "kafka_exporter*", "__amazon_msk*", "amazon.msk.*")
"""Groups that tools make for a while, and those of platforms."""
