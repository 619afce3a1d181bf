"""The table of results: every measure, for the model and each simple rule, per cut-off and overall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from churnml.evaluation.backtest import MODEL, Predictions
from churnml.evaluation.calibration import latest_calibration, latest_rows
from churnml.evaluation.lead_time import lead_times
from churnml.evaluation.measures import RANKING, Measure, Rated, intervals, measures_of, money, safely
from churnml.evaluation.noise import Job, Replicates, replicate
from churnml.evaluation.reason_figures import reason_figures
from churnml.evaluation.slices import FEW, VALUE, Slice, is_enough, slice_jobs, slices_of
from churnml.evaluation.terms import Terms
from churnml.evaluation.weighted import mean_over

__all__ = ["customer_numbers", "cut_offs", "metrics_of"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
_EARNED = ("empc", "empc_share", "empb", "savings", "profit_per_contact")
_ENDS = ("interval_coverage", "interval_width", "winkler")


def metrics_of(predictions: Predictions, *, terms: Terms | None = None) -> dict[str, Any]:
    """Compute all measures of a backtest.

    Rankings, losses and money overall are means over the cut-offs, weighted by rows, because a list is ranked within
    one cut-off; calibration and totals are of all rows together. A measure that cannot be computed is None.

    Parameters
    ----------
    predictions : Predictions
        Of the churn or the value model.
    terms : Terms, optional
        What a campaign can do and costs.

    Returns
    -------
    dict
        ``kind``, ``ranking``, ``fraction``, ``n_rows``, ``n_customers``; ``overall``: model -> measure -> number, with
        ``_low`` and ``_high`` where there is an interval; ``by_cut_off``: cut-off -> ``n_rows``, ``mean_outcome`` and
        ``models``; ``against``: rule -> ``difference`` of the ranking measure, ``low``, ``high``; ``best_rule``;
        ``calibration`` of the newest window; ``slices``, ``min_group`` and ``hidden_groups``; ``lead_time``;
        ``reasons``, how far they can be trusted; ``weights`` of the model's parts by cut-off; ``absent`` and
        ``skipped`` with reasons. JSON-ready.
    """
    return _Judge(predictions, terms or Terms()).report()


def cut_offs(predictions: Predictions) -> dict[str, Rows]:
    """Return the rows of each cut-off, by its name, in the order of the names."""
    folds = predictions.table.column("fold").to_numpy()
    return {str(name): np.flatnonzero(folds == name) for name in sorted(dict.fromkeys(folds.tolist()))}


def customer_numbers(predictions: Predictions) -> Rows:
    """Return the number of each row's customer, 0 upwards in the order of the ids."""
    ids = predictions.table.column("customer_id").combine_chunks()
    return np.asarray(pc.rank(ids, tiebreaker="dense").to_numpy(), dtype=np.int64) - 1


class _Judge:
    """One backtest, its rows by cut-off, and the measures it is judged by."""

    def __init__(self, predictions: Predictions, terms: Terms) -> None:
        self.said, self.terms = predictions, terms
        self.names, self.y = predictions.models(), predictions.values("y")
        self.p = {name: predictions.values(predictions.prefix + name) for name in self.names}
        self.cuts, self.customers = cut_offs(predictions), customer_numbers(predictions)
        self.fraction = terms.fraction(n_rows=self.y.size, n_cut_offs=len(self.cuts))
        self.measures = measures_of(predictions.kind, fraction=self.fraction)
        self.rank = RANKING[predictions.kind]
        self.value = self._value()

    def _value(self) -> Floats | None:
        if self.said.kind != "churn" or VALUE not in self.said.table.column_names:
            return None
        value = np.nan_to_num(self.said.values(VALUE)) * self.terms.margin
        return value if (value > 0).any() else None

    def report(self) -> dict[str, Any]:
        overall = {name: self._overall(name) for name in self.names}
        noise = self._noise(overall)
        for (name, key), replicates in noise.items():
            found = replicates.estimate()
            ends = (found.low, found.high) if found else (None, None)
            overall[name] |= dict(zip((f"{key}_low", f"{key}_high"), ends, strict=True))
        best = _best(overall, self.rank)
        cut_off, newest = latest_rows(self.said.kind, self.y, self.cuts, is_out_of_time=self.terms.is_out_of_time)
        slices, hidden = self._slices()
        return {
            "kind": self.said.kind,
            "ranking": self.rank,
            "fraction": self.fraction,
            "n_rows": int(self.y.size),
            "n_customers": int(np.unique(self.customers).size),
            "overall": overall,
            "by_cut_off": {name: self._one_cut_off(rows) for name, rows in self.cuts.items()},
            "against": {name: self._against(noise, name) for name in self.names[1:]},
            "best_rule": best,
            "calibration": latest_calibration(
                self.said.kind, self.y[newest], self.p[MODEL][newest], self.customers[newest], cut_off=cut_off
            ),
            "slices": slices,
            "min_group": FEW,
            "hidden_groups": hidden,
            "lead_time": self._lead_time(best),
            "reasons": reason_figures(self.said.reasons),
            "weights": {fit["fold"]: dict(fit["weights"]) for fit in self.said.fits if fit.get("weights")},
            "absent": dict(self.said.absent),
            "skipped": dict(self.said.skipped),
        }

    def _overall(self, name: str) -> dict[str, float | None]:
        p, every = self.p[name], list(self.cuts.values())
        return {
            **{key: self._taken(measure, p) for key, measure in self.measures.items()},
            **_mean_of([self._earned(p, rows) for rows in every], [rows.size for rows in every], self._earnings()),
            **self._ends(name, np.arange(self.y.size)),
        }

    def _taken(self, measure: Measure, p: Floats) -> float | None:
        if not measure.averaged:
            return safely(measure.compute, self.y, p)
        return safely(lambda y, q: _mean_over(measure.compute, y, q, self.cuts.values()), self.y, p)

    def _earnings(self) -> tuple[str, ...]:
        return () if self.value is None else _EARNED

    def _earned(self, p: Floats, rows: Rows) -> Mapping[str, float | None]:
        if self.value is None:
            return {}
        try:
            return {**money(self.y[rows], p[rows], self.value[rows], terms=self.terms, fraction=self.fraction)}
        except ValueError:
            return dict.fromkeys(_EARNED)

    def _ends(self, name: str, rows: Rows) -> Mapping[str, float]:
        if self.said.kind != "clv" or name != MODEL:
            return {}
        return intervals(*(self.said.values(column)[rows] for column in ("y", "v_low", "v_high")))

    def _one_cut_off(self, rows: Rows) -> dict[str, Any]:
        y = self.y[rows]
        models = {
            name: {
                **{key: safely(measure.compute, y, p[rows]) for key, measure in self.measures.items()},
                **self._earned(p, rows),
                **self._ends(name, rows),
            }
            for name, p in self.p.items()
        }
        return {"n_rows": int(rows.size), "mean_outcome": float(y.mean()), "models": models}

    def _noise(self, overall: Mapping[str, Mapping[str, float | None]]) -> dict[tuple[str, str], Replicates]:
        """Return the ranking measure of all, and every measure of the model, on the same resamples of customers."""
        wanted = [(name, self.rank) for name in self.names]
        wanted += [(MODEL, key) for key, measure in self.measures.items() if measure.job and key != self.rank]
        jobs = {(name, key): self._job(self.measures[key], self.p[name]) for name, key in wanted}
        values = {pair: overall[pair[0]][pair[1]] for pair in wanted}
        parts = replicate(jobs, self.customers)
        return {pair: Replicates(np.nan if v is None else v, parts[pair]) for pair, v in values.items()}

    def _job(self, measure: Measure, p: Floats) -> Job:
        if measure.job is None:
            raise ValueError("no way to compute this measure on resamples")
        if not measure.averaged:
            return measure.job(self.y, p)
        rows = list(self.cuts.values())
        return mean_over([measure.job(self.y[part], p[part]) for part in rows], rows)

    def _against(self, noise: Mapping[tuple[str, str], Replicates], rule: str) -> dict[str, float | None]:
        """Return model minus rule, with the interval of the difference on the same resamples."""
        found = (noise[MODEL, self.rank] - noise[rule, self.rank]).estimate()
        if found is None:
            return {"difference": None, "low": None, "high": None}
        return {"difference": found.value, "low": found.low, "high": found.high}

    def _slices(self) -> tuple[list[dict[str, Any]], dict[str, int]]:
        slices, hidden = slices_of(self.said.table, self.customers, self.cuts, prefer=self.terms.categories)
        judged = [part for part in slices if is_enough(self.said.kind, self.y[part.rows], part.n_customers)]
        pairs = [slice_jobs(self.rank, self.y, self.p[MODEL], self.cuts, part.rows) for part in judged]
        jobs = {(k, which): job for k, pair in enumerate(pairs) for which, job in enumerate(pair)}
        parts = replicate(jobs, self.customers) if jobs else {}
        ones = np.ones((1, self.y.size))
        known = {
            id(part): [Replicates(float(jobs[k, which](ones)[0]), parts[k, which]) for which in (0, 1)]
            for k, part in enumerate(judged)
        }
        return [self._slice(part, known.get(id(part))) for part in slices], hidden

    def _slice(self, part: Slice, noise: list[Replicates] | None) -> dict[str, Any]:
        y = self.y[part.rows]
        told = {"by": part.by, "group": part.group, "n_customers": part.n_customers, "n_rows": int(y.size)}
        told |= {"mean_outcome": float(y.mean()), "is_enough": noise is not None}
        for key, replicates in zip((self.rank, "total_ratio"), noise or (), strict=False):
            found = replicates.estimate()
            if found:
                told |= {key: found.value, f"{key}_low": found.low, f"{key}_high": found.high}
        return told

    def _lead_time(self, best: str | None) -> dict[str, Any]:
        if self.said.kind != "churn":
            return {}
        curves = lead_times(self.said, self.customers, fraction=self.fraction, rule=best)
        return {
            name: {
                "lead_days": curve.lead_days.tolist(),
                "fraction_listed": curve.fraction_listed.tolist(),
                "fraction_scored": curve.fraction_scored.tolist(),
                "n_churners": curve.n_churners,
            }
            for name, curve in curves.items()
        }


def _mean_over(rated: Rated, y: Floats, p: Floats, cuts: Iterable[Rows]) -> float:
    """Average over the cut-offs where the measure exists, weighted by rows."""
    pairs = [(safely(rated, y[rows], p[rows]), rows.size) for rows in cuts]
    known = [(value, size) for value, size in pairs if value is not None]
    if not known:
        raise ValueError("the measure exists at no cut-off")
    return float(np.average([value for value, _ in known], weights=[size for _, size in known]))


def _mean_of(
    figures: list[Mapping[str, float | None]], sizes: list[int], keys: Iterable[str]
) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for key in keys:
        known = [(value[key], size) for value, size in zip(figures, sizes, strict=True) if value[key] is not None]
        found[key] = float(np.average([v for v, _ in known], weights=[n for _, n in known])) if known else None
    return found


def _best(overall: Mapping[str, Mapping[str, float | None]], key: str) -> str | None:
    scored = {name: value[key] for name, value in overall.items() if name != MODEL}
    known = {name: score for name, score in scored.items() if score is not None}
    return max(known, key=lambda name: known[name]) if known else None
