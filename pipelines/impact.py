"""Stage impact: histories in, what each company change did out."""

from __future__ import annotations

from collections.abc import Sequence

from churnml.config import load_params
from churnml.flow.impact import make_impact
from churnml.histories.store import open_history
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Estimate the effect of every change that has begun."""
    args = parse_paths(argv, inputs=["prepared"], outputs=["report", "page"])
    make_impact(load_params(args.params), open_history(args.prepared), report=args.report, page=args.page)
    return 0


if __name__ == "__main__":
    run_stage(main)
