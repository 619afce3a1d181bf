"""DVC behind a lock of our own: nothing left of killed runs, no damaged object used, the exit code of the stage."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from churnml.doctor.locks import PLACES, at_work, release_stale
from churnml.doctor.objects import look_at_cache, look_at_outputs, refuse_damaged
from churnml.errors import DataError, EnvironmentFault
from churnml.processes import descendants, end_all, run_lock
from churnml.storage import as_fault, read_json
from churnml.temporary import sweep_below

__all__ = ["Change", "bring_up_to_date", "clean_up", "push_objects"]

_QUIET = {
    "DVC_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # With both cores busy, waiting OpenMP threads that spin slow LightGBM down several times.
    "OMP_WAIT_POLICY": "passive",
}
_PRIVATE = 0o077
"""What a run makes tells of customers: DVC, which copies it to its cache and back, gives it to the owner alone."""
_KILLED = 137
_OWN_CODES = {*range(8), 130, 143}


class Change(Protocol):
    """Something else in the project's files from this run on."""

    def make(self) -> None:
        """Write it, nobody else being at work."""

    def undo(self) -> None:
        """Put back what there was."""


def bring_up_to_date(root: Path, targets: Sequence[str], *, error_file: Path, change: Change | None = None) -> int:
    """Let DVC run what is out of date, alone in the project.

    Parameters
    ----------
    root : Path
        Project folder.
    targets : sequence of str
        Stages.
    error_file : Path
        Where a failing stage leaves its facts, relative to ``root``.
    change : Change, optional
        Made before the first stage, and undone where not all are done.

    Returns
    -------
    int
        0, or the exit code of the stage that failed; DVC itself knows only 255.

    Raises
    ------
    DataError
        If an object that DVC might use is damaged; it has been set aside.
    EnvironmentFault
        If another run of the project is at work, the folder is closed, or a stage was killed.
    """
    with run_lock(root) as held:
        clean_up(root)
        _refuse_others_at_work(root)
        if not (root / ".dvc").exists() and _dvc(["init", "--no-scm", "--quiet"], root):
            raise EnvironmentFault("DVC could not be set up here", rule="environment.dvc", file=".dvc")
        refuse_damaged(root)
        with as_fault(root / error_file):
            (root / error_file).unlink(missing_ok=True)
        with ExitStack() as undoing:
            if change is not None:
                undoing.callback(change.undo)
                change.make()
            code = _dvc(["repro", *targets], root, held=held)
            if not code:
                undoing.pop_all()
    if code and (root / error_file).exists():
        return int(read_json(root / error_file)["exit_code"])
    return _code_of(code)


def _refuse_others_at_work(root: Path) -> None:
    """Refuse to begin beside whoever holds a lock of DVC, which would say no more than "busy"."""
    pids = at_work(root)
    if pids:
        raise EnvironmentFault(
            f"DVC is at work on this project: process {pids[0]}",
            rule="environment.dvc_lock",
            file=".dvc/tmp/rwlock",
            next_step="Wait for it or end it, then run again.",
        )


def clean_up(root: Path) -> list[str]:
    """Remove what killed runs left: temporary files that nobody fills, a table of locks that is nobody's.

    Returns
    -------
    list of str
        What was removed, relative to ``root``.
    """
    return [*sweep_below(root, PLACES), *release_stale(root)]


def push_objects(root: Path, words: Sequence[str]) -> int:
    """Upload the objects of DVC's cache, none of which is damaged.

    Parameters
    ----------
    root : Path
        Project folder.
    words : sequence of str
        Further words of ``dvc push``.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    DataError
        If an object or an output is not what was written; nothing is uploaded.
    """
    found = [*look_at_cache(root), *look_at_outputs(root)]
    if found:
        raise DataError(
            f"{found[0].what}; nothing was uploaded",
            rule=found[0].rule.replace("doctor.", "data."),
            count=len(found),
            next_step=f"Run {found[0].command}, then push again.",
        )
    code = _dvc(["push", *words], root)
    return code if code in {0, 130, 143} else EnvironmentFault.exit_code


def _dvc(words: Sequence[str], root: Path, *, held: int | None = None) -> int:
    """Run DVC, which holds the lock of the run as well; what stops us stops it and its stage."""
    command = [sys.executable, "-m", "churnml.dvc_with_dates", *words]
    kept = () if held is None else (held,)
    with subprocess.Popen(command, cwd=root, env=_environment(), umask=_PRIVATE, pass_fds=kept) as process:
        try:
            code = process.wait()
        except BaseException:
            end_all([process.pid, *descendants(process.pid)])
            raise
    # A process ended by a signal has the negative number of that signal as its code.
    return 128 - code if code < 0 else code


def _environment() -> dict[str, str]:
    return {**os.environ, **_QUIET, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _code_of(code: int) -> int:
    """Return the exit code of a run whose stage left no facts; one that was killed can be tried again."""
    if code == _KILLED:
        raise EnvironmentFault(
            "a stage was killed from outside, most often because memory ran out",
            rule="environment.killed",
            next_step="Free memory, or give the machine more, then run again.",
        )
    return code if code in _OWN_CODES else 1
