"""Champion against challenger: the same customers, the same later dates, every difference with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import norm

from churnml.errors import ModelError
from churnml.evaluation import weighted
from churnml.evaluation.backtest import MODEL, Predictions
from churnml.evaluation.measures import RANKING
from churnml.evaluation.noise import Job, Replicates, replicate
from churnml.evaluation.report import customer_numbers, cut_offs
from churnml.evaluation.slices import VALUE, is_enough, slices_of
from churnml.evaluation.terms import Terms
from churnml.evaluation.weighted import WEIGHTED, mean_over, on_rows
from churnml.metrics import expected_gain

__all__ = ["HEADLINES", "LEVEL", "LEVEL_TOLERANCE", "TOLERANCE", "compare", "paired"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
HEADLINES = {
    "churn": ("roc_auc", "log_loss", "profit_per_contact"),
    "clv": ("normalised_gini", "mean_absolute_error"),
}
"""Figures of which one must be better, and none worse, beyond noise."""
LEVEL = "level_gap"
"""Distance from 0 of ln(predicted total / actual total)."""
_LOWER_IS_BETTER = {"log_loss", "brier", "mean_absolute_error", LEVEL}
_SIDES = ("champion", "challenger")
_ALPHA = 0.05
TOLERANCE = 0.005
"""A loss of up to this share of the champion's figure is none: with rows enough, any difference is beyond noise."""
LEVEL_TOLERANCE = 0.02
"""The same for the level, in log units: two percent of the total."""


@dataclass(frozen=True)
class _Pair:
    """Rows that both have predicted without having seen them."""

    kind: str
    table: pa.Table
    y: Floats
    p: Mapping[str, Floats]
    cuts: Mapping[str, Rows]
    customers: Rows


def paired(champion: Predictions, challenger: Predictions) -> pa.Table:
    """Return the rows of the challenger's backtest that the champion's holds too, with its predictions beside.

    Parameters
    ----------
    champion, challenger : Predictions
        Of one kind. Outcomes are the challenger's: they were settled later.

    Returns
    -------
    Table
        The challenger's columns and ``champion``, in its order.

    Raises
    ------
    ModelError
        If the kinds differ, or there is no common row.
    """
    if champion.kind != challenger.kind:
        raise ModelError("models of different kinds cannot be compared", rule="model.kind")
    ours, theirs = challenger.table, champion.table
    keys = [k for k in ("customer_id", "observation_date") if k in ours.column_names and k in theirs.column_names]
    column = champion.prefix + MODEL
    if set(ours.column_names) & {"observation_date"} != set(theirs.column_names) & {"observation_date"}:
        raise _nothing_in_common()
    numbered = ours.append_column("place", pa.array(np.arange(ours.num_rows)))
    said = theirs.select([*keys, column]).rename_columns([*keys, "champion"])
    joined = numbered.join(said, keys, join_type="inner").sort_by("place").drop_columns(["place"])
    if not joined.num_rows:
        raise _nothing_in_common()
    return joined.combine_chunks()


def _nothing_in_common() -> ModelError:
    return ModelError(
        "champion and challenger were not tested on common rows",
        rule="model.nothing_in_common",
        next_step="Test both on the same dates (same every_days), or train the challenger on newer data.",
    )


def compare(kind: str, table: pa.Table, *, terms: Terms) -> dict[str, Any]:
    """Compare two models row by row.

    Parameters
    ----------
    kind : {"churn", "clv"}
    table : Table
        From :func:`paired`.
    terms : Terms

    Returns
    -------
    dict
        ``kind``, ``n_rows``, ``n_customers``, ``cut_offs``, ``fraction``; ``measures``: name -> ``champion``,
        ``challenger``, ``difference`` (challenger minus champion) with ``low`` and ``high`` (95 %, bootstrap of whole
        customers), and ``is_better``: true beyond noise, false beyond noise and :data:`TOLERANCE`, else None;
        ``slices``: the ranking measure by part of the customers in the same form, with ``by``, ``group``,
        ``n_customers`` and ``is_worse`` (beyond noise after Holm's correction for the number of parts). JSON-ready.

    References
    ----------
    .. [1] Holm (1979). A simple sequentially rejective multiple test procedure. Scandinavian J. Statistics 6(2).
    """
    pair = _pair(kind, table)
    fraction = terms.fraction(n_rows=pair.y.size, n_cut_offs=len(pair.cuts))
    made = _jobs(pair, terms=terms, fraction=fraction)
    measures = {name: _figures(name, found) for name, found in _both(made, pair).items()}
    return {
        "kind": kind,
        "n_rows": int(pair.y.size),
        "n_customers": int(np.unique(pair.customers).size),
        "cut_offs": list(pair.cuts),
        "fraction": fraction,
        "measures": {name: found for name, found in measures.items() if found is not None},
        "slices": _slices(pair, terms),
    }


def _pair(kind: str, table: pa.Table) -> _Pair:
    prefix = "p_" if kind == "churn" else "v_"
    said = Predictions("churn" if kind == "churn" else "clv", table)
    p = {"champion": said.values("champion"), "challenger": said.values(prefix + MODEL)}
    return _Pair(kind, table, said.values("y"), p, cut_offs(said), customer_numbers(said))


def _jobs(pair: _Pair, *, terms: Terms, fraction: float) -> dict[str, Callable[[Floats], Job]]:
    """Return what makes the job of each measure from a side's predictions."""
    cuts = list(pair.cuts.values())

    def averaged(make: Callable[[Floats, Floats], Job]) -> Callable[[Floats], Job]:
        return lambda p: mean_over([make(pair.y[rows], p[rows]) for rows in cuts], cuts)

    if pair.kind == "clv":
        top = partial(weighted.capture, fraction=0.1)
        named = {"normalised_gini": WEIGHTED["normalised_gini"], "mean_absolute_error": WEIGHTED["mean_absolute_error"]}
        made = {name: averaged(make) for name, make in named.items()} | {"top_share": averaged(top)}
    else:
        names = ("roc_auc", "average_precision", "log_loss", "brier")
        made = {name: averaged(WEIGHTED[name]) for name in names}
        made["capture"] = averaged(partial(weighted.capture, fraction=fraction))
        worth = _worth(pair, terms)
        if worth is not None:
            made["profit_per_contact"] = _profit(pair, worth, terms=terms, fraction=fraction)
    made[LEVEL] = lambda p: _level(pair.y, p)
    return made


def _worth(pair: _Pair, terms: Terms) -> Floats | None:
    if VALUE not in pair.table.column_names:
        return None
    value = pc.fill_null(pair.table[VALUE].cast(pa.float64()), 0.0).to_numpy()
    worth = np.maximum(np.nan_to_num(value), 0.0) * terms.margin
    return worth if (worth > 0).any() else None


def _profit(pair: _Pair, worth: Floats, *, terms: Terms, fraction: float) -> Callable[[Floats], Job]:
    """Return the job of what a contact would have earned, customers in the order of the lists: by expected gain."""
    earned = pair.y * worth * terms.effect - terms.cost
    cuts = list(pair.cuts.values())

    def make(p: Floats) -> Job:
        gain = expected_gain(np.clip(p, 0.0, 1.0), worth, effect=terms.effect, cost=terms.cost)
        return mean_over([weighted.taken(earned[rows], gain[rows], fraction=fraction) for rows in cuts], cuts)

    return make


def _level(y: Floats, p: Floats) -> Job:
    ratio = WEIGHTED["total_ratio"](y, p)

    def job(weights: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.abs(np.log(ratio(weights)))
        return np.where(np.isfinite(found), found, np.nan)

    return job


def _both(made: Mapping[str, Callable[[Floats], Job]], pair: _Pair) -> dict[str, tuple[Replicates, Replicates]]:
    """Return each measure of both sides, on all rows and on the same resamples of customers."""
    jobs = {(name, side): make(pair.p[side]) for name, make in made.items() for side in _SIDES}
    parts = replicate(jobs, pair.customers)
    ones = np.ones((1, pair.y.size))
    found = {key: Replicates(float(job(ones)[0]), parts[key]) for key, job in jobs.items()}
    return {name: (found[name, "champion"], found[name, "challenger"]) for name in made}


def _figures(name: str, both: tuple[Replicates, Replicates]) -> dict[str, Any] | None:
    estimate = (both[1] - both[0]).estimate()
    if estimate is None:
        return None
    sign = -1.0 if name in _LOWER_IS_BETTER else 1.0
    ends = sorted((sign * estimate.low, sign * estimate.high))
    borne = LEVEL_TOLERANCE if name == LEVEL else TOLERANCE * abs(both[0].value)
    return {
        "champion": both[0].value,
        "challenger": both[1].value,
        "difference": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "is_better": True if ends[0] > 0 else False if ends[1] < -borne else None,
    }


def _slices(pair: _Pair, terms: Terms) -> list[dict[str, Any]]:
    name = RANKING["churn" if pair.kind == "churn" else "clv"]
    parts, _ = slices_of(pair.table, pair.customers, pair.cuts, prefer=terms.categories)
    judged = [part for part in parts if is_enough(pair.kind, pair.y[part.rows], part.n_customers)]
    jobs = {}
    for place, part in enumerate(judged):
        of_cut = [rows for rows in (np.intersect1d(cut, part.rows) for cut in pair.cuts.values()) if rows.size]
        for side in _SIDES:
            made = [WEIGHTED[name](pair.y[rows], pair.p[side][rows]) for rows in of_cut]
            jobs[place, side] = on_rows(mean_over(made, of_cut), np.arange(pair.y.size))
    drawn = replicate(jobs, pair.customers) if jobs else {}
    ones = np.ones((1, pair.y.size))
    rows = []
    for place, part in enumerate(judged):
        both = [Replicates(float(jobs[place, side](ones)[0]), drawn[place, side]) for side in _SIDES]
        figures = _figures(name, (both[0], both[1]))
        if figures is not None:
            told = {"by": part.by, "group": part.group, "n_customers": part.n_customers}
            rows.append(told | figures | {"p_worse": _p_worse(both[0], both[1])})
    return _with_holm(rows)


def _p_worse(champion: Replicates, challenger: Replicates) -> float:
    """Return the one-sided p-value of "the challenger is not worse here by more than is borne", by the spread."""
    gap = challenger - champion
    spread, borne = float(np.nanstd(gap.parts)), TOLERANCE * abs(champion.value)
    if spread <= 0:
        return 0.0 if gap.value < -borne else 1.0
    return float(norm.cdf((gap.value + borne) / spread))


def _with_holm(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark the parts that are worse, the chance of one false mark among all of them held at 5 %."""
    holds = True
    marks = [False] * len(rows)
    for rank, place in enumerate(sorted(range(len(rows)), key=lambda at: (rows[at]["p_worse"], at))):
        holds = holds and rows[place]["p_worse"] <= _ALPHA / (len(rows) - rank)
        marks[place] = holds
    return [row | {"is_worse": mark} for row, mark in zip(rows, marks, strict=True)]
