"""The pictures of the evaluation page, from the small tables that are also written as CSV."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from churnml.exports.charts import Chart, bar_chart, line_chart
from churnml.exports.evaluation_figures import OWN, Figures, label, number
from churnml.wording import figure, has_words, words

__all__ = ["Columns", "by_cutoff", "plot"]

Columns = Mapping[str, Sequence[object]]

# Plot -> columns of its axes, tried in this order.
_SQUARE = {
    "reliability_latest": (("p_mean", "churn_rate"),),
    "reliability": (("p_mean", "churn_rate"), ("predicted", "observed")),
    "gains": (("fraction_contacted", "fraction_captured"), ("share_contacted", "share_found")),
    "roc": (("false_positive_rate", "true_positive_rate"),),
}
_DECILES = {"deciles", "value_deciles"}
_BARS = ("predicted", "actual", "predicted_mean", "actual_mean")
_ONE_MODEL = {"reliability", "reliability_latest"}


def by_cutoff(
    metric: str, cutoffs: Mapping[str, Mapping[str, Figures]], language: str, *, shown: Collection[str] = ()
) -> Iterator[Chart]:
    """Draw one measure of every model, or of those ``shown``, over the cut-offs."""
    series = {}
    for model in dict.fromkeys(model for by_model in cutoffs.values() for model in by_model):
        if shown and model not in shown:
            continue
        ys = [number(by_model.get(model, {}).get(metric)) for by_model in cutoffs.values()]
        if any(math.isfinite(y) for y in ys):
            series[label("model", model, language)] = (range(len(ys)), ys)
    if series:
        name = label("metric", metric, language)
        yield line_chart(
            series,
            title=words("plot.by_cutoff", language, metric=name),
            language=language,
            x_label=words("evaluation.cutoff", language),
            y_label=name,
            y_kind="number",
            x_names=list(cutoffs),
        )


def plot(name: str, columns: Columns, language: str, *, shown: Collection[str] = ()) -> Iterator[Chart]:
    """Draw a table: a known one with its own axes, any other as lines of the later columns over the first.

    Parameters
    ----------
    name : str
    columns : mapping of str to sequence
        Numbers; a column ``model`` says whose line a row belongs to.
    language : str
    shown : collection of str, optional
        Models to be drawn; none: all there are.
    """
    title = label("plot", name, language)
    note = words(f"plot.{name}.note", language) if has_words(f"plot.{name}.note") else ""
    models = {m: values for m, values in _by_model(columns).items() if not shown or m in shown}
    axes = next((pair for pair in _SQUARE.get(name, ()) if set(pair) <= set(columns)), None)
    if axes:
        lines = {m: v for m, v in models.items() if m in OWN or name not in _ONE_MODEL} or models
        yield line_chart(
            {label("model", m, language): (v[axes[0]], v[axes[1]]) for m, v in lines.items()},
            title=title,
            note=note,
            language=language,
            x_label=label("plot", axes[0], language),
            y_label=label("plot", axes[1], language),
            x_kind="portion",
            y_kind="portion",
            diagonal=True,
        )
    elif name == "lead_time":
        yield from _lead_time(models, title, note, language)
    elif name in _DECILES:
        yield from _deciles(next(iter(models.values()), {}), title, note, language)
    else:
        yield from _lines(models, title, note, language)


def _deciles(values: Mapping[str, list[float]], title: str, note: str, language: str) -> Iterator[Chart]:
    bars = {label("plot", key, language): values[key] for key in _BARS if key in values}
    if bars and "decile" in values:
        names = [figure(x, "rate", language) for x in values["decile"]]
        axis = label("plot", "decile", language)
        yield bar_chart(names, bars, title=title, note=note, language=language, x_label=axis)


def _lead_time(
    models: Mapping[str, Mapping[str, list[float]]], title: str, note: str, language: str
) -> Iterator[Chart]:
    """Draw how many leavers each model had listed, and how many were there to be listed."""
    lines = {label("model", m, language): (v["lead_days"], v["fraction_listed"]) for m, v in models.items()}
    first = next(iter(models.values()), None)
    if first is not None:
        lines[label("plot", "fraction_scored", language)] = (first["lead_days"], first["fraction_scored"])
        yield line_chart(
            lines,
            title=title,
            note=note,
            language=language,
            x_label=label("plot", "lead_days", language),
            y_label=label("plot", "fraction_listed", language),
            y_kind="portion",
        )


def _lines(models: Mapping[str, Mapping[str, list[float]]], title: str, note: str, language: str) -> Iterator[Chart]:
    series = {}
    for model, values in models.items():
        first, *others = values
        for key in others:
            parts = [label("model", model, language)] if len(models) > 1 else []
            series[" ".join([*parts, label("plot", key, language)])] = (values[first], values[key])
    if series:
        axis = label("plot", next(iter(next(iter(models.values())))), language)
        yield line_chart(series, title=title, note=note, language=language, x_label=axis, y_kind="number")


def _by_model(columns: Columns) -> dict[str, dict[str, list[float]]]:
    """Return model -> column -> numbers, the model itself first."""
    values = {key: [number(v) for v in column] for key, column in columns.items() if key != "model"}
    if not values:
        return {}
    n_rows = len(next(iter(values.values())))
    owners = [str(m) for m in columns["model"]] if "model" in columns else [OWN[0]] * n_rows
    names = sorted(dict.fromkeys(owners), key=lambda m: m not in OWN)
    return {
        m: {key: [v for v, owner in zip(column, owners, strict=True) if owner == m] for key, column in values.items()}
        for m in names
    }
