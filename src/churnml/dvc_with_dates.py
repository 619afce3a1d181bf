"""DVC's command line, able to read a ``params.yaml`` with dates that are not in quotes, and to say how a stage ended.

YAML reads ``2024-06-30`` as a date, and DVC refuses a parameter file with one, used or not
(https://github.com/treeverse/dvc/issues/9957). Whatever a stage ended with, DVC ends with 255. Run as
``python -m churnml.dvc_with_dates repro ...``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run DVC with the given arguments and return its exit code, or that of the stage that failed."""
    from dvc.cli import main as dvc
    from dvc.parsing import context
    from dvc.stage import run
    from dvc.stage.exceptions import StageCmdFailedError

    ended: list[int] = []

    class Told(StageCmdFailedError):
        def __init__(self, cmd: str, status: int | None = None) -> None:
            ended.append(status or 0)
            super().__init__(cmd, status)

    context.PRIMITIVES = (*context.PRIMITIVES, date)
    run.StageCmdFailedError = Told
    code = int(dvc(list(sys.argv[1:] if argv is None else argv)))
    if code and ended:
        # A process ended by a signal has the negative number of that signal as its code.
        return ended[-1] if ended[-1] > 0 else 128 - ended[-1]
    return code


if __name__ == "__main__":
    sys.exit(main())
