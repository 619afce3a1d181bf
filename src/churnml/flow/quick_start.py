"""A start without what a stage never needs: a tenth of the processor's time where everything else is fast."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["quick_start"]

_NOT_NEEDED = ("scipy.linalg", "cffi", "coverage")
"""Numba imports them to multiply matrices, to call C and to be measured by, and does without where there are none."""


@contextmanager
def quick_start() -> Iterator[None]:
    """Import modules, and what they load, without looking for garbage among what stays to the end."""
    modules: dict[str, Any] = sys.modules
    was_enabled, left_out = gc.isenabled(), [name for name in _NOT_NEEDED if name not in modules]
    gc.disable()
    modules.update(dict.fromkeys(left_out))
    try:
        yield
    finally:
        for name in left_out:
            del modules[name]
        if was_enabled:
            gc.enable()
