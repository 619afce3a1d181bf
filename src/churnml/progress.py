"""How far a long step is: one line rewritten on a terminal, one plain line a step elsewhere; never in a result."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["step"]

_EVERY_SECONDS = 0.5
_QUIET_SECONDS = 2.0
"""Steps shorter than this say nothing."""


@contextmanager
def step(
    name: str, total: int | Callable[[], int | None] | None = None, unit: str = "rows"
) -> Iterator[Callable[[int], None]]:
    """Yield a function to be told how many units are done, by any thread; the standard error stream shows it.

    Parameters
    ----------
    name : str
        What is being done, without any value of the data.
    total : int or callable, optional
        Units in all, where that is known or can be estimated meanwhile: the time left is shown.
    unit : str

    Examples
    --------
    >>> with step("read orders") as advance:
    ...     advance(1000)
    """
    began = shown = time.monotonic()
    done = 0
    on_terminal, lock = sys.stderr.isatty(), threading.Lock()

    def advance(n: int) -> None:
        nonlocal done, shown
        with lock:
            done += n
            now = time.monotonic()
            if on_terminal and now - shown >= _EVERY_SECONDS:
                shown = now
                in_all = total() if callable(total) else total
                sys.stderr.write("\r" + _line(name, done, in_all, unit, now - began).ljust(79))
                sys.stderr.flush()

    try:
        yield advance
    finally:
        seconds = time.monotonic() - began
        if on_terminal and shown > began:
            sys.stderr.write("\r" + " " * 79 + "\r")
        if seconds >= _QUIET_SECONDS:
            sys.stderr.write(_line(name, done, None, unit, seconds) + f", {_duration(seconds)}\n")
            sys.stderr.flush()


def _line(name: str, done: int, total: int | None, unit: str, seconds: float) -> str:
    """Return how far a step is, how fast, and how long it will take.

    Examples
    --------
    >>> _line("sort orders", 8, 32, "buckets", 4.0)
    'sort orders: 8 of 32 buckets, 2/s, 12 s left'
    """
    rate = done / seconds if seconds > 0 else 0.0
    counted = f"{done:,} {unit}" if total is None else f"{done:,} of {total:,} {unit}"
    left = "" if total is None or not rate else f", {_duration((total - done) / rate)} left"
    return f"{name}: {counted}, {rate:,.0f}/s{left}"


def _duration(seconds: float) -> str:
    """Return a length of time in words.

    Examples
    --------
    >>> _duration(4.2), _duration(75)
    ('4 s', '1 min 15 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
