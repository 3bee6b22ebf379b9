"""Memory that is not needed goes back to the system: what starting up took would be kept for months otherwise."""

import ctypes
import gc
import os
from collections.abc import Callable
from typing import cast

ARENAS = 2
"""Heaps that the C library keeps apart. By default each new thread may get one, up to eight for each core."""

_M_ARENA_MAX = -8
"""glibc's number for it, mallopt(3)."""


def keep_small() -> None:
    """Before the first thread starts and numpy is loaded; no more than the C library can do."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's linear algebra would start one for each core
    if (mallopt := _of_glibc("mallopt")) is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def sweep() -> None:
    """Finds all garbage and gives free memory back; some tens of milliseconds."""
    gc.collect()
    if (trim := _of_glibc("malloc_trim")) is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., object] | None:
    try:
        return cast("Callable[..., object]", getattr(ctypes.CDLL(None), name))
    except (OSError, AttributeError):
        return None
