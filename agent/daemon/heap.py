"""Memory that is not needed goes back to the system: what starting up took would be kept for months otherwise."""

import ctypes
import gc
import os
from collections.abc import Callable
from typing import cast

ARENAS = 2
"""Heaps that the C library keeps apart. By default each new thread may get one, up to eight for each core."""

LARGE = 1 << 17
"""Bytes of a block from which on it is no part of a heap, so that it goes back to the system once it is not needed. By default that
grows with what was freed, up to 32 MB: columns of a hundred thousand offsets would be holes in the heap then.
"""

_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1
"""glibc's numbers for them, mallopt(3)."""


def keep_small() -> None:
    """Before the first thread starts and numpy is loaded; no more than the C library can do."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's linear algebra would start one for each core
    if (mallopt := _of_glibc("mallopt")) is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, LARGE)
        mallopt(_M_TRIM_THRESHOLD, LARGE)


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
