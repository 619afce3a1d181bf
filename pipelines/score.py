"""Stage score: features at as_of and models in, one scored row per known customer out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.freshness import require_fresh
from churnml.flow.guard import regime_of
from churnml.flow.model_features import features_to_score
from churnml.flow.promotions import require_approved
from churnml.flow.score import load_models, score
from churnml.flow.simple_rule import rule_in_place
from churnml.histories.identities import IDENTITIES
from churnml.histories.store import open_history
from churnml.stage import parse_paths, run_stage
from churnml.storage import private_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Score every customer: probability, value and its interval, tier, band, reasons."""
    args = parse_paths(
        argv,
        inputs=["prepared", "features", "churn_model", "clv_model", "churn_backtest", "warning"],
        outputs=["scores"],
    )
    params, history = load_params(args.params), open_history(args.prepared)
    require_fresh(params, history)
    models = load_models(args.churn_model, args.clv_model)
    if params.promotion.require_approval:
        require_approved(Path.cwd(), models.digests)
    rule = rule_in_place(params, regime_of(params, history, verdict=args.warning), models.churn)
    with private_folder(args.features.parent, "shown") as folder:
        features = features_to_score(params, history, models, folder, root=Path.cwd(), made=args.features)
        score(
            params,
            history,
            models,
            args.scores,
            features=features,
            backtest=args.churn_backtest,
            rule=rule,
            identities=IDENTITIES,
        )
    return 0


if __name__ == "__main__":
    run_stage(main)
