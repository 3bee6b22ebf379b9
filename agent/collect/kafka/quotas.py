"""Quotas of clients (KIP-546), as far as they hold consumers up. Any broker tells all of them, with DESCRIBE_CONFIGS on the cluster."""

import time
from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any

from agent.collect.kafka.configs import EVERY
from agent.collect.kafka.due import due
from agent.collect.kafka.rights import DESCRIBE_CONFIGS_CLUSTER, command
from agent.collect.kafka.wire import Wire
from checks.facts import Cluster, Quotas, Unknown, Why
from checks.facts.codes import CLUSTER_DENIED, refused

API_VERSIONS, DESCRIBE_CLIENT_QUOTAS = 18, 48
GRANT = f"{DESCRIBE_CONFIGS_CLUSTER.close()}: {command('User:NAME', [DESCRIBE_CONFIGS_CLUSTER])}"
_DENIED = Unknown(Why.DENIED, "quotas of clients are told only with DESCRIBE_CONFIGS on the cluster", GRANT)
_BEFORE_2_6 = Unknown(Why.UNSUPPORTED, "the broker does not tell quotas of clients (needs Kafka 2.6: KIP-546)")
_RATE = "consumer_byte_rate"
_USER, _CLIENT = "user", "client-id"


class ClientQuotas:
    """Asks some broker, and again when what it told is old: people change them seldom."""

    def __init__(self, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._due = -inf
        self._told: Quotas | Unknown | None = None

    def forget(self) -> None:
        """Another cluster answers now."""
        self._due, self._told = -inf, None

    def read(self, wire: Wire, cluster: Cluster) -> Quotas | Unknown:
        """The very same as before while it is equal."""
        now, told = self._clock(), self._told
        # A refusal may be mended at any time. An answer that is late would cost each look the time of one, for an addition.
        open_ = isinstance(told, Unknown) and told.why is not Why.DEADLINE
        if told is not None and now < self._due and not open_:
            return told
        self._due = due(now, self._every)
        fresh = _read(wire, cluster)
        self._told = told if told is not None and fresh == told else fresh
        return self._told


def _read(wire: Wire, cluster: Cluster) -> Quotas | Unknown:
    from kafka.protocol.admin import DescribeClientQuotasRequest  # noqa: PLC0415 - the import costs 0.4 s

    if wire.version(None, DESCRIBE_CLIENT_QUOTAS) < 0 <= wire.version(None, API_VERSIONS):
        return _BEFORE_2_6
    operations = cluster.operations
    # Without DESCRIBE none is told, though it may have this one.
    if not isinstance(operations, Unknown) and "DESCRIBE" in operations and "DESCRIBE_CONFIGS" not in operations:
        return _DENIED
    return wire.made(quotas_of, None, DescribeClientQuotasRequest, 1, components=[], strict=False)


def quotas_of(answer: Any) -> Quotas | Unknown:
    """Kafka goes by the first there is: of the user and the client id, of the user, of the client id; a name before its default."""
    if answer.error_code:
        return refused(answer.error_code, "quotas of clients", GRANT if answer.error_code == CLUSTER_DENIED else "")
    by_client: dict[str | None, float] = {}
    by_both: dict[str | None, float] = {}
    """Of users without one of their own."""
    by_user: float | None = None
    users = False
    for names, rate in _rates(answer):
        if _USER not in names:
            by_client[names[_CLIENT]] = rate
        elif names[_USER] is not None:
            users = True
        elif _CLIENT in names:
            by_both[names[_CLIENT]] = rate
        else:
            by_user = rate
    of_users, of_clients = by_both.pop(None, by_user), by_client.pop(None, None)
    found = by_both if of_users is not None else by_client | by_both
    clients = {client: found[client] for client in sorted(client for client in found if client is not None)}
    return Quotas(clients, of_clients if of_users is None else of_users, users)


def _rates(answer: Any) -> Iterator[tuple[Mapping[str, str | None], float]]:
    """Names by kind, None: the default. What is of other kinds is not for consumers, or of a newer broker."""
    for entry in answer.entries or ():
        names = {part.entity_type: part.entity_name for part in entry.entity}
        rate = next((one.value for one in entry.values if one.key == _RATE), None)
        if rate is not None and 0 <= rate < inf and names and names.keys() <= {_USER, _CLIENT}:
            yield names, rate
