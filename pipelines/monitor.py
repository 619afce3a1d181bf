"""Stage monitor: this run beside what the model learned from, earlier runs and lists beside what happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.monitor import COMPARED, monitor, write_report
from churnml.flow.named import hides_of
from churnml.flow.score import load_models
from churnml.flow.score_records import keep_scores
from churnml.histories.store import open_history
from churnml.parquet import read_parquet
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Write what was found as JSON and as a page; the command ``churnml monitor`` ends with an exit code of it."""
    args = parse_paths(
        argv, inputs=["prepared", "features", "churn_model", "clv_model", "scores"], outputs=["report", "page"]
    )
    params, history, root = load_params(args.params), open_history(args.prepared), Path.cwd()
    models = load_models(args.churn_model, args.clv_model)
    scores = read_parquet(args.scores, columns=list(COMPARED))
    report = monitor(params, history, models.churn, scores, features=args.features, root=root)
    write_report(report, args.report, args.page, language=params.campaign.language)
    hides = hides_of(history, root=root)
    keep_scores(
        params,
        args.scores,
        root=root,
        model_version=models.version,
        learned_until=models.churn.meta.get("learned_until"),
        hides=hides,
    )
    return 0


if __name__ == "__main__":
    run_stage(main)
