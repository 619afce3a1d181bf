"""Runs a function over buckets on the cores of this machine, results in bucket order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["map_buckets"]

Result = TypeVar("Result")


def map_buckets(function: Callable[[int], Result], *, n_buckets: int, threads: int) -> list[Result]:
    """Call ``function`` with each bucket's number.

    The compiled loops and Arrow release the interpreter lock, so threads share the cores without copying.

    Parameters
    ----------
    function : callable
        Takes a bucket number.
    n_buckets, threads : int

    Returns
    -------
    list
        One result a bucket, in bucket order whatever the threads.
    """
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        return list(pool.map(function, range(n_buckets)))
