"""Who comes back of those who left, and what it is worth: learned from customers lost earlier, checked out of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.errors import ModelError
from churnml.estimators.logistic import LogisticBaseline
from churnml.estimators.matrix import spec_of

__all__ = ["RateBySilence", "ReturnModel", "ReturnValue", "fit_return_value", "fit_returns"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
GONE = "gone_days"
LEAST_OF_CLASS = 50
"""So many who came back, and who did not, must be there to learn from more than the time since the loss."""
_MOST_BINS, _LEAST_IN_BIN, _PRIOR = 10, 50, 20.0
_GROUPS = 4


@dataclass(frozen=True, slots=True)
class RateBySilence:
    """The share that came back by the days since the loss, drawn towards the share of all.

    Parameters
    ----------
    edges : ndarray
        Days at which a new group begins, ascending; the first group begins at 0.
    rates : ndarray, shape (n_groups,)
    """

    edges: Floats
    rates: Floats

    @classmethod
    def fit(cls, gone_days: Floats, y: Floats) -> RateBySilence:
        """Fit groups of equal size, at least fifty customers each."""
        n_bins = int(np.clip(len(y) // _LEAST_IN_BIN, 1, _MOST_BINS))
        edges = np.unique(np.quantile(gone_days, np.arange(1, n_bins) / n_bins)) if n_bins > 1 else np.empty(0)
        group = np.searchsorted(edges, gone_days, side="right")
        n, back = (np.bincount(group, weights=w, minlength=len(edges) + 1) for w in (np.ones(len(y)), y))
        return cls(edges, (back + _PRIOR * y.mean()) / (n + _PRIOR))

    def predict(self, table: pa.Table) -> Floats:
        """Return the probability of a return, shape (n_rows,)."""
        found: Floats = self.rates[np.searchsorted(self.edges, table[GONE].to_numpy(), side="right")]
        return found


@dataclass(frozen=True, slots=True)
class ReturnModel:
    """A rule for the probability of a return, and how it did on later dates.

    Parameters
    ----------
    kind : str
        ``logistic`` or ``rate_by_silence``.
    rule : LogisticBaseline or RateBySilence
    facts : mapping
        Cases learned from, how many came back, and the check: cases, came back, expected, log loss of each rule.
    """

    kind: str
    rule: LogisticBaseline | RateBySilence
    facts: dict[str, Any]

    def predict(self, table: pa.Table) -> Floats:
        """Return the probability of a return, shape (n_rows,)."""
        return self.rule.predict(table)


def fit_returns(cases: pa.Table, y: Floats, dates: Int64s, *, reach_us: int, seed: int) -> ReturnModel:
    """Choose on the newest date, by what was known by then, between two rules; then fit the better one on all dates.

    The rules: the share by the time since the loss, and a logistic regression on all figures. Where no earlier date was
    settled by the newest one, or too few came back, the share by time is used, unchecked.

    Parameters
    ----------
    cases : pyarrow.Table
        ``customer_id``, ``gone_days`` and further figures known at the date.
    y : ndarray of {0, 1}, shape (n_rows,)
        Came back.
    dates : ndarray of int64, shape (n_rows,)
        Observation dates, microseconds.
    reach_us : int
        How far after its date a return counts.
    seed : int

    Raises
    ------
    ModelError
        If there is no case, or nobody came back.
    """
    if not len(y) or not y.sum():
        raise ModelError(
            "nobody who was lost came back at an earlier date",
            rule="model.no_returns",
            count=len(y),
            next_step="Deliver a longer history, or set lists.winback.assumed_return.",
        )
    order = np.lexsort((np.asarray(cases["customer_id"].to_pylist(), dtype=object).astype(str), dates))
    cases, y, dates = cases.take(pa.array(order)), y[order], dates[order]
    facts: dict[str, Any] = {"cases": len(y), "returned": int(y.sum()), "dates": len(np.unique(dates))}
    newest = dates == dates.max()
    earlier = dates + reach_us <= dates.max()
    losses = _compared(cases, y, earlier, newest, facts, seed=seed)
    kind = min(losses, key=lambda name: losses[name]) if losses else "rate_by_silence"
    return ReturnModel(kind, _fit(kind, cases, y, seed=seed), {"rule": kind, **facts})


def _fit(kind: str, cases: pa.Table, y: Floats, *, seed: int) -> LogisticBaseline | RateBySilence:
    if kind == "rate_by_silence":
        return RateBySilence.fit(cases[GONE].to_numpy(), y)
    return LogisticBaseline(spec_of(cases), seed=seed).fit(cases, y)


def _compared(
    cases: pa.Table,
    y: Floats,
    earlier: npt.NDArray[np.bool_],
    newest: npt.NDArray[np.bool_],
    facts: dict[str, Any],
    *,
    seed: int,
) -> dict[str, float]:
    """Return the log loss of each rule on the newest date, and note how the better one did; nothing to check: none."""
    if not earlier.any() or not y[earlier].sum():
        return {}
    of_class = min(y[earlier].sum(), (1 - y[earlier]).sum())
    learned, checked = cases.filter(pa.array(earlier)), cases.filter(pa.array(newest))
    is_enough = of_class >= LEAST_OF_CLASS and len(np.unique(learned[GONE].to_numpy())) > 1
    kinds = ["rate_by_silence", *(["logistic"] if is_enough else [])]
    p = {kind: _fit(kind, learned, y[earlier], seed=seed).predict(checked) for kind in kinds}
    losses = {kind: _log_loss(y[newest], values) for kind, values in p.items()}
    best = min(losses, key=lambda kind: losses[kind])
    facts["check"] = {
        "cases": int(newest.sum()),
        "returned": int(y[newest].sum()),
        "expected": round(float(p[best].sum()), 2),
        "log_loss": {kind: round(loss, 6) for kind, loss in losses.items()},
    }
    return losses


def _log_loss(y: Floats, p: Floats) -> float:
    inside = np.clip(p, 1e-9, 1 - 1e-9)
    return float(-np.mean(y * np.log(inside) + (1 - y) * np.log(1 - inside)))


@dataclass(frozen=True, slots=True)
class ReturnValue:
    """What somebody who comes back brings, by what an amount of theirs used to be.

    Parameters
    ----------
    edges : ndarray
        Mean amounts at which a new group begins.
    values : ndarray, shape (n_groups + 1,)
        Mean value of each group, drawn towards that of all; the last one is for customers without an amount.
    facts : mapping
        Returns learned from, their mean value.
    """

    edges: Floats
    values: Floats
    facts: dict[str, Any]

    def predict(self, mean_amount: Floats) -> Floats:
        """Return the value after a return, shape (n_rows,)."""
        found: Floats = self.values[_groups(mean_amount, self.edges)]
        return found


def fit_return_value(mean_amount: Floats, value: Floats) -> ReturnValue:
    """Average the value of those who came back, in four groups by mean amount, each drawn towards the mean of all.

    A group's mean is believed as far as groups differ by more than chance: weight ``b / (b + s / n)``, with the
    variance ``b`` between the true means (estimated by moments), ``s`` within the group and ``n`` customers in it.

    Parameters
    ----------
    mean_amount : ndarray, shape (n_returns,)
        Known at the date; NaN where no amount was paid.
    value : ndarray, shape (n_returns,)
        What each brought after the date.

    References
    ----------
    .. [1] Bühlmann & Gisler (2005). A Course in Credibility Theory and its Applications, chapter 3.
    """
    known = mean_amount[np.isfinite(mean_amount)]
    cuts = np.quantile(known, np.arange(1, _GROUPS) / _GROUPS) if len(known) >= _GROUPS else np.empty(0)
    edges = np.unique(cuts)
    group = _groups(mean_amount, edges)
    n_groups = len(edges) + 2
    n = np.bincount(group, minlength=n_groups).astype(np.float64)
    overall = float(value.mean())
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(n > 0, np.bincount(group, weights=value, minlength=n_groups) / n, overall)
    # Few of a group say little about its spread: that of all returns stands for it.
    within = float(np.mean((value - means[group]) ** 2))
    between = max(0.0, float(np.average((means - overall) ** 2 - within / np.maximum(n, 1), weights=n)))
    weight = between / (between + within / np.maximum(n, 1)) if between > 0 else np.zeros(n_groups)
    drawn = np.where(n > 0, weight * means + (1 - weight) * overall, overall)
    return ReturnValue(edges, drawn, {"returns": len(value), "mean_value": round(overall, 4)})


def _groups(mean_amount: Floats, edges: Floats) -> Int64s:
    group = np.searchsorted(edges, mean_amount, side="right")
    return np.where(np.isfinite(mean_amount), group, len(edges) + 1).astype(np.int64)
