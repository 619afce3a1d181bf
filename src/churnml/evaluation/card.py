"""What the model card tells of a backtest."""

from __future__ import annotations

from typing import Any

from churnml.evaluation.backtest import MODEL, Predictions
from churnml.evaluation.plots import plots_of
from churnml.evaluation.report import metrics_of
from churnml.evaluation.terms import Terms

__all__ = ["card_figures"]

_CURVES = {"reliability", "reliability_latest", "value_deciles"}
_OF_A_CAMPAIGN = {"capture", "empb", "empc", "empc_share", "lift", "profit_per_contact", "savings"}
"""They change with a campaign's capacity and costs, and the model does not."""
_TOLD = ("n_customers", "n_rows", "ranking", "calibration", "slices", "min_group", "hidden_groups")


def card_figures(predictions: Predictions, *, terms: Terms) -> dict[str, Any]:
    """Return what the model card says of a backtest: ``figures`` and ``weights_by_cut_off``.

    Parameters
    ----------
    predictions : Predictions
    terms : Terms
        Whether dates part what was learned from what was tested; by which categories customers are parted.

    Returns
    -------
    dict
        ``figures``: ``own`` (measure -> number, with ``_low`` and ``_high``), ``rules`` (rule -> measure of ranking),
        ``is_out_of_time``, ``curves`` (table -> column -> numbers of the model itself) and what
        :func:`churnml.evaluation.report.metrics_of` says of calibration and parts of the customers. JSON-ready.
    """
    found = metrics_of(predictions, terms=terms)
    rank = found["ranking"]
    ends = (rank, f"{rank}_low", f"{rank}_high")
    rules = {
        name: {key: value[key] for key in ends if value.get(key) is not None}
        for name, value in found["overall"].items()
        if name != MODEL
    }
    own = {key: value for key, value in found["overall"][MODEL].items() if value is not None}
    own = {key: value for key, value in own.items() if _of_measure(key) not in _OF_A_CAMPAIGN}
    figures = {
        "own": own,
        "rules": rules,
        "is_out_of_time": terms.is_out_of_time,
        "curves": _curves(predictions, found),
        **{key: found[key] for key in _TOLD},
    }
    return {"figures": figures, "weights_by_cut_off": found["weights"]}


def _of_measure(key: str) -> str:
    """Return the measure that an end of an interval belongs to."""
    return key.removesuffix("_low").removesuffix("_high")


def _curves(predictions: Predictions, found: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """Return the small tables behind the pictures, the model's own rows only."""
    curves = {}
    for name, table in plots_of(predictions, found).items():
        if name in _CURVES:
            rows = [row for row in table.to_pylist() if row.get("model", MODEL) == MODEL]
            curves[name] = {key: [row[key] for row in rows] for key in table.column_names}
    return curves
