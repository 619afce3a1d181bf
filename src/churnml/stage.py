"""How a stage starts and ends: its paths, its exit code, its error file; never a traceback for bad input."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from churnml.errors import ChurnmlError, EnvironmentFault
from churnml.extras import missing_package
from churnml.storage import NO_ROOM, digest_bytes, write_json

__all__ = ["ERROR_FILE", "end_on_sigterm", "ends_well", "parse_paths", "run_stage"]

ERROR_FILE = Path("reports") / "last_error.json"
"""Where the facts of the last failure lie, since DVC turns every failing stage into a status of its own."""

_INTERRUPTED, _TERMINATED = 130, 143
_ENVIRONMENT = {
    *NO_ROOM,
    *(errno.EROFS, errno.EIO, errno.EBUSY),
    *(errno.EACCES, errno.EPERM),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}


def parse_paths(argv: Sequence[str] | None, *, inputs: Sequence[str], outputs: Sequence[str]) -> argparse.Namespace:
    """Read a stage's command line: ``--params`` and one option a path.

    Parameters
    ----------
    argv : sequence of str or None
        Arguments without the program's name; None = those of the process.
    inputs, outputs : sequence of str
        Names of the options; each is required and becomes a :class:`~pathlib.Path`.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("params", *inputs, *outputs):
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    return parser.parse_args(argv)


def run_stage(main: Callable[[], int]) -> NoReturn:
    """Run a stage and leave the process with its exit code."""
    end_on_sigterm()
    sys.exit(ends_well(main))


def end_on_sigterm() -> None:
    """Let a request to terminate end the process with 143, temporary files removed on the way."""
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(_TERMINATED)


def ends_well(main: Callable[[], int]) -> int:
    """Run a function and turn whatever stops it into one sentence, an error file and an exit code.

    Returns
    -------
    int
        The function's own code; 2 to 7 for an expected failure; 1 for a bug; 130 when interrupted.
    """
    try:
        return main()
    except ChurnmlError as error:
        return _report(error)
    except ModuleNotFoundError as error:
        fault = missing_package(error)
        return _report_bug(error) if fault is None else _report(fault)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except MemoryError:
        return _report(EnvironmentFault("memory ran out", rule="environment.memory", next_step="Free memory."))
    except OSError as error:
        if error.errno not in _ENVIRONMENT:
            return _report_bug(error)
        name = Path(str(error.filename)).name if error.filename else None
        return _report(
            EnvironmentFault(
                os.strerror(error.errno or 0).lower(),
                rule="environment.os",
                file=name,
                next_step="Free disk space or mend the permissions, then run again.",
            )
        )
    except Exception as error:  # noqa: BLE001 - the last fence: whatever comes here is a bug and is reported as one
        return _report_bug(error)


def _report(error: ChurnmlError) -> int:
    sys.stderr.write(f"churnml: {error}\n")
    _write_facts({**error.facts(), "message": str(error)})
    return error.exit_code


def _report_bug(error: Exception) -> int:
    """Name type and place of an unexpected failure; its text may quote data and is left out."""
    frames = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    error_id = digest_bytes("|".join([type(error).__name__, *frames]).encode())[:12]
    sys.stderr.write(
        f"churnml: a bug in churnml (error id {error_id}): {type(error).__name__} at {frames[-1] if frames else '?'}. "
        f"Please report it with {ERROR_FILE.as_posix()}.\n"
    )
    _write_facts({"exit_code": 1, "rule": "bug", "error_id": error_id, "type": type(error).__name__, "frames": frames})
    return 1


def _write_facts(facts: dict[str, object]) -> None:
    try:
        write_json(facts, ERROR_FILE)
    except EnvironmentFault:
        sys.stderr.write(f"churnml: {ERROR_FILE.as_posix()} could not be written either.\n")
