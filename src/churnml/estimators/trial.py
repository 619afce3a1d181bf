"""Trees are tried in a child process before this one parses them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from churnml.errors import ModelError

__all__ = ["try_trees"]

_TRIAL = """
import resource, sys
limits = {"AS": int(sys.argv[1]), "CPU": int(sys.argv[2]), "CORE": 0, "FSIZE": 0}
for name, wanted in limits.items():
    kind = getattr(resource, f"RLIMIT_{name}")
    (hard,) = resource.getrlimit(kind)[1:]
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    # The soft limit of time ends the process with a signal of its own; where both are the same, it is killed.
    resource.setrlimit(kind, (limit, hard if name == "CPU" else limit))
import lightgbm
for place, size in enumerate(sys.argv[3:]):
    print(place, flush=True)
    booster = lightgbm.Booster(model_str=sys.stdin.buffer.read(int(size)).decode())
    booster.predict([[0.0] * booster.num_feature(), [float("nan")] * booster.num_feature()], num_threads=1)
"""
"""A damaged text can kill or hang the process that parses it, or one that walks its trees; so a child goes first.

It may take so much memory and processor time, write no file and leave no image of its memory behind.
"""
_BYTES, _BYTES_A_BYTE = 4 << 30, 64
"""Address space of the child: what importing LightGBM takes, several times, and so much for each byte of the texts."""
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_BUSY = 10
"""A busy machine may give the child so much less than a whole processor."""


def try_trees(texts: Mapping[str, bytes], *, seconds: float) -> None:
    """Let one child process parse some texts of trees and predict two rows with each.

    Parameters
    ----------
    texts : mapping of str to bytes
        By file name.
    seconds : float
        Processor time for all of them.

    Raises
    ------
    ModelError
        Naming the file, if the child does not come to its end.
    """
    names, in_all = list(texts), b"".join(texts.values())
    limits = (_BYTES + _BYTES_A_BYTE * len(in_all), max(1, round(seconds)))
    sizes = [len(text) for text in texts.values()]
    command = [sys.executable, "-I", "-c", _TRIAL, *map(str, (*limits, *sizes))]
    environment = {**os.environ, **_ONE_THREAD}
    try:
        done = subprocess.run(
            command, input=in_all, capture_output=True, timeout=_BUSY * seconds, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise _refusal("the trees could not be read in time", _reached(names, error.stdout)) from error
    if done.returncode == -signal.SIGXCPU:
        raise _refusal("the trees could not be read in time", _reached(names, done.stdout))
    if done.returncode != 0:
        problem = f"the trees could not be read (status {done.returncode})"
        raise _refusal(problem, _reached(names, done.stdout))


def _reached(names: list[str], said: bytes | None) -> str:
    """Return the file that the child was reading."""
    begun = (said or b"").split()
    return names[min(max(0, len(begun) - 1), len(names) - 1)]


def _refusal(problem: str, name: str) -> ModelError:
    next_step = "Fetch the model again or train it anew."
    return ModelError(problem, rule="model.trial", file=name, next_step=next_step)
