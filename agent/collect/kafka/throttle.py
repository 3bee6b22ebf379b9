"""How long a broker says that it holds us up by a quota: most answers begin with it (KIP-13, KIP-124).

It reads nothing more from the connection for so long (KIP-219); brokers before 2.0 waited before they answered.
"""

import struct
from typing import Final

from agent.collect.kafka.compact import behind_header

SINCE: Final = dict.fromkeys((32, 35, 46, 48, 61, 65, 66, 69, 75, 77, 89, 90), 0) | {
    1: 1,
    2: 2,
    3: 3,
    9: 3,
    10: 1,
    15: 1,
    16: 1,
}
"""By API key: the first version whose answers begin with it. Those of ApiVersions end with it, and some have none."""

LEAST: Final = 1.0
"""Seconds of one look below which nobody needs to hear of it."""


def told(key: int, version: int, answer: bytes, *, flexible: bool) -> float:
    """The seconds of one answer; `flexible`: it is of a version with tags (KIP-482)."""
    if version < SINCE.get(key, version + 1):
        return 0.0
    try:
        (ms,) = _INT.unpack_from(answer, behind_header(answer) if flexible else 4)
    except (ValueError, IndexError, struct.error):  # no such answer: who decodes it says so
        return 0.0
    return max(0, int(ms)) / 1000


_INT: Final = struct.Struct(">i")
