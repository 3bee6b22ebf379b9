"""A configuration cut down to one application: `mqcanary run --scope`."""

from collections.abc import Sequence
from dataclasses import replace

from agent.config.model import Config
from agent.errors import ConfigError
from alerts.policy import Route

_KINDS = ("groups", "queues")


def scoped(config: Config, scope: Sequence[str]) -> Config:
    """`config` with nothing but the groups and queues of `scope`, as "groups/NAME" or "queues/GLOB*".

    A target without any of them is left out. Without a route in the file nobody is told anything.

    Raises:
        ConfigError: an entry is neither, or nothing is left.
    """
    if not scope:
        return config
    names: dict[str, tuple[str, ...]] = dict.fromkeys(_KINDS, ())
    for entry in scope:
        kind, slash, name = entry.partition("/")
        if kind not in names or not slash or not name:
            raise ConfigError(f"--scope {entry!r} is no group and no queue: write groups/{entry} or queues/{entry}")
        names[kind] = (*names[kind], name)
    kafka = tuple(replace(target, scope=names["groups"]) for target in config.kafka) if names["groups"] else ()
    queues = names["queues"]
    whole = not any(set("*?[").intersection(name) for name in queues)
    cut = {"queues": queues, "prefix": "", "tags": {}} if whole else {"include": queues}
    sqs = tuple(target.model_copy(update=cut) for target in config.sqs) if queues else ()
    if not kafka and not sqs:
        raise ConfigError(f"--scope {' '.join(scope)}: the configuration has no target for it: add kafka: or sqs:")
    running = config.running
    if not running.routed:
        running = replace(running, policy=replace(running.policy, route=Route()))
    return replace(config, kafka=kafka, sqs=sqs, running=running)
