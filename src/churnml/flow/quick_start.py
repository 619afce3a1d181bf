"""A start without what a stage never needs: a tenth of the processor's time where everything else is fast."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["quick_start"]

_NOT_NEEDED = "scipy.linalg"
"""Numba imports it to multiply matrices, and does without where there is none; no loop here multiplies any."""


@contextmanager
def quick_start() -> Iterator[None]:
    """Import modules, and what they load, without looking for garbage among what stays to the end."""
    modules: dict[str, Any] = sys.modules
    was_enabled, was_there = gc.isenabled(), _NOT_NEEDED in modules
    gc.disable()
    if not was_there:
        modules[_NOT_NEEDED] = None
    try:
        yield
    finally:
        if not was_there:
            del modules[_NOT_NEEDED]
        if was_enabled:
            gc.enable()
