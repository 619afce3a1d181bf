"""Who comes back of those who left, and what it is worth: learned from customers lost earlier, checked out of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.errors import ModelError
from churnml.estimators.calibrator import fit_level, logit, sigmoid
from churnml.estimators.logistic import LogisticBaseline
from churnml.estimators.matrix import spec_of

__all__ = ["RateBySilence", "ReturnModel", "ReturnValue", "fit_return_value", "fit_returns"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
GONE = "gone_days"
LEAST_OF_CLASS = 50
"""So many who came back, and who did not, must be there to learn from more than the time since the loss."""
_MOST_BINS, _LEAST_IN_BIN, _PRIOR = 10, 50, 20.0
_MOST_CHECKED = 3
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
    shift : float
        On the log-odds scale: by how much the level was off on later dates, as far as these prove it.
    facts : mapping
        Cases learned from, how many came back, and the check: dates, cases, came back, expected, log loss of each rule.
    """

    kind: str
    rule: LogisticBaseline | RateBySilence
    shift: float
    facts: dict[str, Any]

    def predict(self, table: pa.Table) -> Floats:
        """Return the probability of a return, shape (n_rows,)."""
        return sigmoid(logit(self.rule.predict(table)) + self.shift)


def fit_returns(cases: pa.Table, y: Floats, dates: Int64s, *, reach_us: int, seed: int) -> ReturnModel:
    """Choose on later dates, by what was settled by each, between two rules; then fit the better one on all dates.

    The rules: the share by the time since the loss, and a logistic regression on all figures. They are checked on the
    newest three dates that have settled ones before them, each with its level moved by what these say; so is the level
    of the better one. Where there is no such date, or too few came back, the share by time is used, unchecked.

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
    check = _checked(cases, y, dates, reach_us=reach_us, seed=seed)
    if check is None:
        facts["rule"] = "rate_by_silence"
        return ReturnModel(facts["rule"], _fit(facts["rule"], cases, y, seed=seed), 0.0, facts)
    shifts = {kind: fit_level(logit(p), check.y) for kind, p in check.p.items()}
    losses = {kind: _log_loss(check.y, sigmoid(logit(p) + shifts[kind])) for kind, p in check.p.items()}
    kind = min(losses, key=lambda name: losses[name])
    shift = shifts[kind]
    facts["rule"], facts["check"] = (
        kind,
        {
            "dates": check.n_dates,
            "cases": len(check.y),
            "returned": int(check.y.sum()),
            "expected": round(float(check.p[kind].sum()), 2),
            "log_loss": {name: round(loss, 6) for name, loss in losses.items()},
            "shift": round(shift, 6),
        },
    )
    return ReturnModel(kind, _fit(kind, cases, y, seed=seed), shift, facts)


def _fit(kind: str, cases: pa.Table, y: Floats, *, seed: int) -> LogisticBaseline | RateBySilence:
    if kind == "rate_by_silence":
        return RateBySilence.fit(cases[GONE].to_numpy(), y)
    return LogisticBaseline(spec_of(cases), seed=seed).fit(cases, y)


@dataclass(frozen=True, slots=True)
class _Check:
    """Outcomes of later dates, and what each rule that could be learned for all of them had expected."""

    y: Floats
    p: dict[str, Floats]
    n_dates: int


def _checked(cases: pa.Table, y: Floats, dates: Int64s, *, reach_us: int, seed: int) -> _Check | None:
    """Predict the newest dates from what was settled by each; None where nothing was."""
    parts: list[tuple[Floats, dict[str, Floats]]] = []
    for date in np.unique(dates)[::-1][:_MOST_CHECKED].tolist():
        earlier, now = dates + reach_us <= date, dates == date
        if not earlier.any() or not y[earlier].sum():
            break
        learned, asked = cases.filter(pa.array(earlier)), cases.filter(pa.array(now))
        kinds = _possible(learned, y[earlier])
        parts.append((y[now], {kind: _fit(kind, learned, y[earlier], seed=seed).predict(asked) for kind in kinds}))
    if not parts:
        return None
    # A rule that could not be learned by the oldest of these dates is judged by the newer ones alone.
    if "logistic" in parts[0][1]:
        parts = [part for part in parts if "logistic" in part[1]]
    p = {kind: np.concatenate([found[kind] for _, found in parts]) for kind in parts[0][1]}
    return _Check(np.concatenate([truth for truth, _ in parts]), p, len(parts))


def _possible(learned: pa.Table, y: Floats) -> list[str]:
    is_enough = min(y.sum(), (1 - y).sum()) >= LEAST_OF_CLASS and len(np.unique(learned[GONE].to_numpy())) > 1
    return ["rate_by_silence", *(["logistic"] if is_enough else [])]


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
