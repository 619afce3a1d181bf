"""One at a time: nobody runs a pipeline, and nobody else forgets, while a person is taken out."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from churnml.doctor.locks import living
from churnml.errors import EnvironmentFault
from churnml.processes import run_lock

__all__ = ["alone"]

_OWN, _DVC = Path(".churnml") / "forget.lock", Path(".dvc") / "tmp" / "lock"


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold our locks and that of DVC; the kernel lets go of them when the process dies.

    Raises
    ------
    EnvironmentFault
        If somebody else forgets somebody, or the pipeline runs.
    """
    with ExitStack() as stack:
        stack.enter_context(_held(root / _OWN, "somebody else is being forgotten here"))
        stack.enter_context(run_lock(root))
        if (root / ".dvc").is_dir():
            stack.enter_context(_held(root / _DVC, "the pipeline is at work"))
            if living(root):
                raise _busy("the pipeline is at work", _DVC)
        yield


@contextmanager
def _held(path: Path, problem: str) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(problem, path) from None
        yield
    finally:
        os.close(descriptor)


def _busy(problem: str, path: Path) -> EnvironmentFault:
    return EnvironmentFault(
        problem, rule="environment.lock", file=path.name, next_step="Wait until that has ended, then run again."
    )
