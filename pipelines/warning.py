"""Stage warning: histories in, the early warning's verdict out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.warning import make_warning
from churnml.histories.store import open_history
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the last weeks; an alarm is a result, not a failure of the stage."""
    args = parse_paths(argv, inputs=["prepared"], outputs=["report", "page"])
    files = {"report": args.report, "page": args.page}
    make_warning(load_params(args.params), open_history(args.prepared), root=Path.cwd(), **files)
    return 0


if __name__ == "__main__":
    run_stage(main)
