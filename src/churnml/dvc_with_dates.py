"""DVC's command line, able to read a ``params.yaml`` with dates that are not in quotes.

YAML reads ``2024-06-30`` as a date, and DVC refuses a parameter file with one, used or not
(https://github.com/treeverse/dvc/issues/9957). Run as ``python -m churnml.dvc_with_dates repro ...``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run DVC with the given arguments and return its exit code."""
    from dvc.cli import main as dvc
    from dvc.parsing import context

    context.PRIMITIVES = (*context.PRIMITIVES, date)
    return int(dvc(list(sys.argv[1:] if argv is None else argv)))


if __name__ == "__main__":
    sys.exit(main())
