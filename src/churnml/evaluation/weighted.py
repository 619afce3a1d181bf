"""Measures of `churnml.metrics` on many resamples at once: rows are ordered once, and only weights change.

Each function takes truth and prediction and returns a job: weights of shape (n_resamples, n_rows) in, one number per
resample out. A weight of 2 counts as the row twice; a resample on which the measure does not exist gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from churnml.evaluation.noise import Job

__all__ = [
    "WEIGHTED",
    "average_precision",
    "capture",
    "lift",
    "mean",
    "mean_over",
    "normalised_gini",
    "on_rows",
    "ratio",
    "roc_auc",
    "taken",
]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def mean(loss: Floats) -> Job:
    """Return the job of a mean of one number per row."""
    return lambda weights: _divide(weights @ loss, weights.sum(axis=1))


def ratio(y: Floats, p: Floats) -> Job:
    """Return the job of ``total_ratio``: predicted over actual total."""
    return lambda weights: _divide(weights @ p, np.maximum(weights @ y, 0.0))


def roc_auc(y: Floats, p: Floats) -> Job:
    """Return the job of ``roc_auc_score``."""
    ranked = _Ranked.of(p)

    def job(weights: Floats) -> Floats:
        size, churned = ranked.steps(weights, y)
        stayed = size - churned
        below = np.cumsum(stayed, axis=1) - stayed / 2
        return _divide((churned * below).sum(axis=1), churned.sum(axis=1) * stayed.sum(axis=1))

    return job


def average_precision(y: Floats, p: Floats) -> Job:
    """Return the job of ``average_precision_score``."""
    ranked = _Ranked.of(-p)

    def job(weights: Floats) -> Floats:
        size, churned = ranked.steps(weights, y)
        precision = _divide(np.cumsum(churned, axis=1), np.cumsum(size, axis=1), otherwise=0.0)
        return _divide((churned * precision).sum(axis=1), churned.sum(axis=1))

    return job


def capture(y: Floats, p: Floats, *, fraction: float) -> Job:
    """Return the job of ``capture_score``, and of ``top_share_score`` where ``y`` is money."""
    ranked = _Ranked.of(-p)

    def job(weights: Floats) -> Floats:
        size, found = (np.cumsum(amount, axis=1) for amount in ranked.steps(weights, y))
        places = np.floor(fraction * size[:, -1] + 1e-9)
        top = np.array([_at(n, of_size, of_found) for n, of_size, of_found in zip(places, size, found, strict=True)])
        return np.where(places > 0, _divide(top, np.maximum(found[:, -1], 0.0)), np.nan)

    return job


def lift(y: Floats, p: Floats, *, fraction: float) -> Job:
    """Return the job of ``lift_score``."""
    found = capture(y, p, fraction=fraction)

    def job(weights: Floats) -> Floats:
        size = weights.sum(axis=1)
        return found(weights) * _divide(size, np.floor(fraction * size + 1e-9))

    return job


def taken(amount: Floats, score: Floats, *, fraction: float) -> Job:
    """Return the job of the mean amount per customer contacted, highest score first; ties share the places left."""
    ranked = _Ranked.of(-score)

    def job(weights: Floats) -> Floats:
        size, found = (np.cumsum(part, axis=1) for part in ranked.steps(weights, amount))
        places = np.floor(fraction * size[:, -1] + 1e-9)
        top = np.array([_at(n, of_size, of_found) for n, of_size, of_found in zip(places, size, found, strict=True)])
        return _divide(top, places)

    return job


def normalised_gini(y: Floats, v: Floats) -> Job:
    """Return the job of ``normalised_gini_score``."""
    predicted, actual = _Ranked.of(v), _Ranked.of(y)

    def job(weights: Floats) -> Floats:
        total = weights.sum(axis=1)
        centred = weights * (y - _divide(weights @ y, total)[:, None])
        attained, possible = ((centred * ranked.ranks(weights)).sum(axis=1) for ranked in (predicted, actual))
        # What is left of rounding where all values are equal is no ordering.
        return _divide(attained, np.where(possible > 1e-9 * total, possible, 0.0))

    return job


def on_rows(job: Job, rows: Rows) -> Job:
    """Return the same job on weights of all rows, of which it looks at some."""
    return lambda weights: job(weights[:, rows])


def mean_over(jobs: Sequence[Job], rows: Sequence[Rows]) -> Job:
    """Return the mean of one measure over the cut-offs where it exists, weighted by their rows."""

    def job(weights: Floats) -> Floats:
        values = np.stack([each(weights[:, part]) for each, part in zip(jobs, rows, strict=True)])
        sizes = np.stack([weights[:, part].sum(axis=1) for part in rows])
        known = np.isfinite(values)
        return _divide((np.where(known, values, 0.0) * sizes).sum(axis=0), (known * sizes).sum(axis=0))

    return job


def _at(n: float, size: Floats, found: Floats) -> float:
    """Return what is found among the first ``n``, the places within a tie shared."""
    last = min(int(np.searchsorted(size, n)), size.size - 1)
    size_before, found_before = (size[last - 1], found[last - 1]) if last else (0.0, 0.0)
    share = (n - size_before) / (size[last] - size_before) if size[last] > size_before else 0.0
    return float(found_before + share * (found[last] - found_before))


def _divide(above: Floats, below: Floats, *, otherwise: float = np.nan) -> Floats:
    """Divide; where nothing is left to divide by, the number does not exist."""
    found: Floats = np.divide(above, below, out=np.full(np.shape(above), otherwise), where=below > 0)
    return found


class _Ranked:
    """Rows ordered by a score, those of one score together."""

    def __init__(self, order: Rows, starts: Rows, place: Rows) -> None:
        self._order, self._starts, self._place = order, starts, place

    @classmethod
    def of(cls, score: Floats) -> _Ranked:
        order = np.argsort(score, kind="stable")
        ordered = score[order]
        new = np.append(True, ordered[1:] != ordered[:-1])
        place = np.empty(order.size, dtype=np.int64)
        place[order] = np.cumsum(new) - 1
        return cls(order, np.flatnonzero(new), place)

    def steps(self, weights: Floats, amount: Floats) -> tuple[Floats, Floats]:
        """Sum weights, and weights times an amount, per distinct score from low to high; (n_resamples, n_distinct)."""
        ordered = weights[:, self._order]
        return self._by_score(ordered), self._by_score(ordered * amount[self._order])

    def _by_score(self, ordered: Floats) -> Floats:
        if self._starts.size == self._order.size:
            return ordered
        return np.asarray(np.add.reduceat(ordered, self._starts, axis=1))

    def ranks(self, weights: Floats) -> Floats:
        """Return each row's mean rank, from 0, ties at their middle."""
        size = self._by_score(weights[:, self._order])
        return (np.cumsum(size, axis=1) - size / 2)[:, self._place]


WEIGHTED: Mapping[str, Callable[[Floats, Floats], Job]] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "brier": lambda y, p: mean((y - p) ** 2),
    "log_loss": lambda y, p: mean(-np.log(np.clip(np.where(y == 1, p, 1.0 - p), np.finfo(np.float64).eps, 1.0))),
    "normalised_gini": normalised_gini,
    "mean_absolute_error": lambda y, v: mean(np.abs(y - v)),
    "total_ratio": ratio,
    "mean_predicted_over_actual": ratio,
}
"""Jobs by the name of the measure, where there is one and it has no options."""
