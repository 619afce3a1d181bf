"""Monitoring apart from the pipeline: data as of a date and a model in, the report out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.flow.fresh import open_models
from churnml.flow.guard import VERDICT, regime_of
from churnml.flow.model_features import features_to_score
from churnml.flow.monitor import COMPARED, monitor
from churnml.flow.named import hides_of
from churnml.flow.raw import read_histories
from churnml.flow.score import score
from churnml.flow.score_records import keep_scores
from churnml.flow.simple_rule import rule_in_place
from churnml.flow.versions import kept_backtest
from churnml.parquet import read_parquet
from churnml.storage import private_folder

__all__ = ["monitor_as_of"]


def monitor_as_of(params: Params, *, root: Path, reference: str) -> dict[str, Any]:
    """Read the histories as of ``histories.as_of``, score them with a model, and look at the run.

    Parameters
    ----------
    params : Params
        With the wanted ``as_of``.
    root : Path
        Project folder.
    reference : str
        See :func:`churnml.flow.fresh.open_models`.

    Raises
    ------
    ModelError
        If the model is not there, or the histories lack what it learned from.
    """
    with private_folder(root / "data", "monitor") as folder:
        models = open_models(root, reference, folder=folder / "models").models
        identities = folder / "identities"
        history = read_histories(params, root=root, target=folder / "prepared", identities=identities)
        features = features_to_score(params, history, models, folder, root=root)
        scores = folder / "scores.parquet"
        backtest = kept_backtest(root, "churn", models.churn.digest)
        rule = rule_in_place(params, regime_of(params, history, verdict=root / VERDICT), models.churn)
        score(
            params,
            history,
            models,
            scores,
            features=features,
            backtest=backtest,
            identities=identities,
            root=root,
            rule=rule,
        )
        said = read_parquet(scores, columns=list(COMPARED))
        report = monitor(params, history, models.churn, said, features=features, root=root)
        hides = hides_of(history, root=root)
        keep_scores(
            params,
            scores,
            root=root,
            model_version=models.version,
            learned_until=models.churn.meta.get("learned_until"),
            hides=hides,
        )
    return report
