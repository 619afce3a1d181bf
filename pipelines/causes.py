"""Stage causes: histories, features, churn model and scores in, the ledger of losses and its report out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.causes import make_causes
from churnml.flow.named import open_named
from churnml.parquet import read_parquet
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Enter every loss with its cause, count them, and break the target down."""
    args = parse_paths(
        argv, inputs=["prepared", "features", "churn_model", "scores"], outputs=["ledger", "report", "page"]
    )
    make_causes(
        load_params(args.params),
        open_named(args.prepared, root=Path.cwd()),
        read_parquet(args.scores),
        features=args.features,
        model=args.churn_model,
        ledger=args.ledger,
        report=args.report,
        page=args.page,
    )
    return 0


if __name__ == "__main__":
    run_stage(main)
