"""Stage simulate: numbers in, the histories of an invented company and its truth out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.forgotten import forgotten_rows
from churnml.simulation import simulate
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Write the raw files that stand for a company's own, and apart from them what is true of each customer."""
    args = parse_paths(argv, inputs=[], outputs=["folder", "truth"])
    company, forgotten = load_params(args.params).simulate, forgotten_rows(Path.cwd())
    simulate(
        n_customers=company.customers,
        months=company.months,
        seed=company.seed,
        end=company.end,
        folder=args.folder,
        truth=args.truth,
        leave_out=forgotten.rows if forgotten is not None else None,
    )
    return 0


if __name__ == "__main__":
    run_stage(main)
