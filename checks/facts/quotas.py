"""Quotas of clients (KIP-546): how fast consumers may read, whatever they could."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quotas:
    """Bytes a second (consumer_byte_rate) from each broker, which all that go by the same client id share."""

    clients: Mapping[str, float]
    """By client id, of whoever comes as a user without a quota of its own."""
    others: float | None
    """Of each other client id; None: it may read as fast as it can."""
    users: bool
    """There are users with a quota of their own, which goes before these; nobody tells who comes as which user."""

    def of(self, client_id: str) -> float | None:
        return self.clients.get(client_id, self.others)
