"""Stage train_clv: features and labels in, the value model and its backtest beside simple rules out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.learn import train_value
from churnml.histories.store import open_history
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Test the model on later dates it has not seen, then fit and save the one to be used."""
    args = parse_paths(
        argv, inputs=["features", "labels", "spine", "prepared", "churn_model"], outputs=["model", "backtest"]
    )
    train_value(
        load_params(args.params),
        features=args.features,
        labels=args.labels,
        spine=args.spine,
        churn_model=args.churn_model,
        model=args.model,
        backtest=args.backtest,
        root=Path.cwd(),
        history=open_history(args.prepared),
    )
    return 0


if __name__ == "__main__":
    run_stage(main)
