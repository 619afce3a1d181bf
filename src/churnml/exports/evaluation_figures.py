"""How a measure is written, named and compared on the evaluation page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real

from churnml.wording import figure, has_words, words

__all__ = ["OWN", "Figures", "best", "cell", "fact", "fact_label", "label", "metric_names", "models_of", "number"]

Figures = Mapping[str, object]

OWN = ("churnml", "model")
"""Names under which the model itself stands among the rules."""

_KINDS = {
    "lift": "number",
    "lift_10": "number",
    "capture": "percent",
    "capture_10": "percent",
    "top_share": "percent",
    "churn_rate": "percent",
    "coverage": "percent",
    "interval_coverage": "percent",
    "mae": "number",
    "mean_absolute_error": "number",
    "rmse": "number",
    "total_ratio": "number",
    "mean_predicted_over_actual": "number",
    "calibration_slope": "number",
    "calibration_intercept": "number",
    "empc": "number",
    "empc_share": "percent",
    "empb": "number",
    "savings": "percent",
    "profit_per_contact": "number",
    "interval_width": "number",
    "winkler": "number",
    "decile_calibration": "percent",
    "fraction": "percent",
}
_HIGHER_IS_BETTER = frozenset(
    {
        *("roc_auc", "average_precision", "lift", "lift_10", "capture", "capture_10"),
        *("gini", "normalised_gini", "spearman", "top_share"),
        *("empc", "empb", "savings", "profit_per_contact"),
    }
)
_LOWER_IS_BETTER = frozenset(
    {
        "log_loss",
        "brier",
        "ece",
        "mae",
        "mean_absolute_error",
        "rmse",
        "decile_calibration",
        "interval_width",
        "winkler",
    }
)
_IDEAL = {"total_ratio": 1.0, "mean_predicted_over_actual": 1.0, "calibration_slope": 1.0, "calibration_intercept": 0.0}
_ENDS = ("_low", "_high")


def models_of(value: object) -> dict[str, Figures]:
    """Return model -> figures, the model itself first; figures without a model are its own."""
    found: Figures = value if isinstance(value, Mapping) else {}
    models = {str(name): figures for name, figures in found.items() if isinstance(figures, Mapping)}
    if not models and found:
        return {OWN[0]: found}
    return dict(sorted(models.items(), key=lambda item: item[0] not in OWN))


def metric_names(models: Iterable[Figures]) -> list[str]:
    """Return every measure, in the order of appearance; the ends of an interval belong to their measure."""
    names = list(dict.fromkeys(name for figures in models for name in figures))
    return [name for name in names if not (name.endswith(_ENDS) and name.rpartition("_")[0] in names)]


def cell(name: str, figures: Figures, language: str) -> str:
    """Return a measure as text, with its interval on a line of its own where there is one."""
    low, high = (figures.get(f"{name}{end}") for end in _ENDS)
    text = fact(name, figures.get(name), language)
    if isinstance(low, Real) and isinstance(high, Real):
        return f"{text}\n({fact(name, low, language)}\N{EN DASH}{fact(name, high, language)})"
    return text


def fact(name: str, value: object, language: str) -> str:
    """Return a figure in its measure's form, any other value as it is."""
    if isinstance(value, bool):
        return words("yes_no.yes" if value else "yes_no.no", language)
    if isinstance(value, int):
        return figure(value, _KINDS.get(name, "whole"), language)
    if isinstance(value, Real):
        return figure(value, _KINDS.get(name, "score"), language)
    if isinstance(value, list | tuple):
        return "; ".join(str(item) for item in value)
    return figure(value, "text", language)


def best(name: str, models: Sequence[Figures]) -> list[int]:
    """Return the places of the best figure of a measure; none where there is no direction or nothing to compare."""
    values = [number(figures.get(name)) for figures in models]
    if name in _IDEAL:
        distances = [abs(value - _IDEAL[name]) for value in values]
    elif name in _HIGHER_IS_BETTER | _LOWER_IS_BETTER:
        distances = [-value if name in _HIGHER_IS_BETTER else value for value in values]
    else:
        return []
    finite = [d for d in distances if math.isfinite(d)]
    return [place for place, d in enumerate(distances) if len(finite) > 1 and d == min(finite)]


def number(value: object) -> float:
    """Return a value as a float, not-a-number where it is none."""
    return float(value) if isinstance(value, Real) else math.nan


def label(family: str, name: str, language: str) -> str:
    """Return the words for a name, or the name itself where the catalogue has none."""
    return words(f"{family}.{name}", language) if has_words(f"{family}.{name}") else name


def fact_label(name: str, language: str) -> str:
    """Return the words for a single figure beside the measures."""
    return label("metric" if has_words(f"metric.{name}") else "evaluation", name, language)
