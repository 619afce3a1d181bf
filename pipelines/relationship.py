"""Stage relationship: histories and scores in; the state of relationships as figures, page and workbook out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.named import open_named
from churnml.flow.relationship import make_report, write_report
from churnml.parquet import read_parquet
from churnml.stage import parse_paths, run_stage
from churnml.storage import digest_file


def main(argv: Sequence[str] | None = None) -> int:
    """Assess the period, compare it with the one before, and write the report."""
    args = parse_paths(argv, inputs=["prepared", "scores"], outputs=["report", "page", "workbook"])
    params, history = load_params(args.params), open_named(args.prepared, root=Path.cwd())
    digest = digest_file(args.scores)
    report = make_report(params, history, read_parquet(args.scores), root=Path.cwd(), scores_digest=digest)
    write_report(report, details=args.report, page=args.page, workbook=args.workbook)
    return 0


if __name__ == "__main__":
    run_stage(main)
