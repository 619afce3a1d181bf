"""Keeps what compiled libraries write of themselves off the standard output, which belongs to the reader."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_output"]

_STANDARD_OUTPUT = 1
_ONE_AT_A_TIME = threading.Lock()
"""Two threads that redirected in turn could each put back what the other had put there."""


@contextmanager
def quiet_output() -> Iterator[None]:
    """Send the process's standard output to nowhere for a while.

    Notes
    -----
    HiGHS prints a line of its own where it repairs a solution, whatever its options say, and from C, so that only the
    file descriptor is a place to stop it. The descriptor is the whole process's: what another thread writes meanwhile
    is lost, so keep the block short; blocks in several threads wait for one another. Standard error stays open. A
    process without a standard output is left as it is.
    """
    with _ONE_AT_A_TIME:
        try:
            kept = os.dup(_STANDARD_OUTPUT)
        except OSError:  # it is closed
            kept = None
        if kept is None:
            yield
            return
        try:
            _flush()  # what was written before still arrives
            _redirect()
            yield
        finally:
            _flush()  # what is left in the buffer of C would arrive later
            os.dup2(kept, _STANDARD_OUTPUT)
            os.close(kept)


def _redirect() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STANDARD_OUTPUT)
    finally:
        os.close(nowhere)


def _flush() -> None:
    ctypes.CDLL(None).fflush(None)
