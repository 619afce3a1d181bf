"""Trainings brought to the tracking store, and what happens to those it does not take now."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from churnml import tracking
from churnml.config import Tracking, load_params
from churnml.errors import EnvironmentFault, ModelError

__all__ = ["deliver_all", "deliver_older", "sync", "waiting"]


def deliver_all(settings: Tracking, root: Path, *, new: Sequence[str] = ()) -> dict[str, tracking.Recorded]:
    """Bring every kept training to the store, the oldest first, as long as the store answers.

    Parameters
    ----------
    settings : Tracking
        How long to wait in all, and what to do in vain.
    root : Path
        The project's folder.
    new : sequence of str
        Entries of this run; they are forgotten where the run fails, because it will be repeated.

    Returns
    -------
    dict of str to Recorded
        By the names of the entries that the store has taken.

    Raises
    ------
    EnvironmentFault
        If the store does not answer and ``tracking.when_unreachable`` is ``fail``.
    ModelError
        If it refuses an entry of this run; an older one is told of and stays.
    """
    tracking.allow(settings.wait_seconds)
    done: dict[str, tracking.Recorded] = {}
    for entry in tracking.pending(root):
        try:
            done[entry] = tracking.deliver(root, entry)
        except EnvironmentFault as error:
            if settings.when_unreachable == "fail" and new:
                _forget(root, [name for name in new if name not in done])
                raise
            is_denied = error.rule == "environment.tracking_denied"
            why = error.problem if is_denied else "the tracking store does not answer"
            _tell(f"{why}; {_places(root)} and go there with the next run or churnml sync")
            break
        except ModelError as error:
            if entry in new:
                _forget(root, [name for name in new if name not in done])
                raise
            _tell(str(error))
    return done


def waiting(root: Path) -> list[str]:
    """Return the names of kept trainings, the oldest first."""
    return tracking.pending(root)


def deliver_older(root: Path) -> None:
    """Bring what earlier runs kept; in vain it stays and is told of. Errors as ``load_params``."""
    deliver_all(load_params(root / "params.yaml").tracking, root)


def sync(root: Path, *, wait_seconds: int) -> tuple[int, int]:
    """Bring kept trainings to the store; each has the whole time for itself.

    Returns
    -------
    delivered, left : int

    Raises
    ------
    EnvironmentFault
        If the store does not answer.
    ModelError
        If it refuses an entry, after the others were brought.
    """
    delivered, refused = 0, None
    for entry in tracking.pending(root):
        tracking.allow(wait_seconds)
        try:
            tracking.deliver(root, entry)
            delivered += 1
        except ModelError as error:
            refused = error
    if refused is not None:
        raise refused
    return delivered, len(tracking.pending(root))


def _forget(root: Path, entries: Sequence[str]) -> None:
    for entry in entries:
        tracking.remove(root, entry)


def _places(root: Path) -> str:
    n_kept = len(tracking.pending(root))
    return f"{n_kept} {'training is' if n_kept == 1 else 'trainings are'} kept in {tracking.SPOOL.as_posix()}"


def _tell(text: str) -> None:
    sys.stderr.write(f"churnml: {text.rstrip('.')}.\n")
