"""Stage evaluate: backtests in; figures, plots, page and the record in MLflow out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.judge import evaluate, record_and_promote
from churnml.flow.versions import keep_backtests
from churnml.histories.store import open_history
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Judge both models against the simple rules, record them, and name the first champion."""
    args = parse_paths(
        argv,
        inputs=["prepared", "churn_model", "clv_model", "churn_backtest", "clv_backtest"],
        outputs=["metrics", "details", "plots", "page"],
    )
    params, history = load_params(args.params), open_history(args.prepared)
    backtests = {"churn": args.churn_backtest, "clv": args.clv_backtest}
    judged = evaluate(
        params,
        backtests=backtests,
        metrics=args.metrics,
        details=args.details,
        plots=args.plots,
        page=args.page,
    )
    models = {"churn": args.churn_model, "clv": args.clv_model}
    keep_backtests(Path.cwd(), models=models, backtests=backtests)
    record_and_promote(params, history, judged, root=Path.cwd(), models=models, plots=args.plots)
    return 0


if __name__ == "__main__":
    run_stage(main)
