"""What to do where the address space is limited (``ulimit -v``): allocators that reserve little beforehand."""

from __future__ import annotations

import os
import sys

__all__ = ["respect_address_limit"]

_M_ARENA_MAX = -8
"""``mallopt`` parameter of the GNU C library: how many heaps threads may open, 64 MB of addresses each."""


def respect_address_limit() -> bool:
    """Take memory from the system's allocator and few heaps, where the address space of the process is limited.

    Arrow's own allocator reserves a gigabyte of addresses at once, and each thread a heap: under a limit these are
    what runs out first, long before memory does. It chooses its allocator when it is imported, so this has to come
    before. Without a limit nothing is changed.

    Returns
    -------
    bool
        Whether there is a limit.
    """
    try:
        import resource
    except ImportError:  # not a POSIX system
        return False
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return False
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if "pyarrow" in sys.modules:
        import pyarrow as pa

        pa.set_memory_pool(pa.system_memory_pool())
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)
    return True
