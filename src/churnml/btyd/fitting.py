"""Maximum-likelihood fits of BG/NBD and MBG/CNBD-k, and the choice between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from churnml.btyd.bgnbd import BgNbd, BuyingModel, MbgCnbd
from churnml.btyd.likelihood import BgLikelihood, Bounds, Rough, explore, refine
from churnml.btyd.summaries import MergedRows, as_summary, merge_rows, require_enough
from churnml.errors import ModelError

__all__ = ["fit_bgnbd", "fit_buying", "fit_mbgcnbd"]

_SCOUT_ROWS = 4_000
_SOME_LEAVE = 0.01
"""Share of customers leaving after a purchase below which a solution is no place to search from."""


def fit_bgnbd(x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike, *, max_customers: int | None = None) -> BgNbd:
    """Fit BG/NBD by maximum likelihood.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        Repeat transactions; time of the last one and of the observation since the first one, in one unit.
    max_customers : int, optional
        Fit on this many customers at most, evenly spaced in the sorted list; all by default.

    Raises
    ------
    ModelError
        If a value is out of range, there are fewer than 30 customers, or nobody came back.
    """
    rows = _rows(x, t_x, T, max_customers=max_customers)
    n_customers = int(rows.weights.sum())
    fit = _Fit.of(rows, k=1, drop_at_zero=False)
    (r, alpha, a, b), mean_loglik = fit.refined(fit.explored())
    return BgNbd(r, alpha, a, b, loglik=mean_loglik * n_customers, n_customers=n_customers)


def fit_mbgcnbd(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    *,
    sum_log_gaps: npt.ArrayLike | None = None,
    max_k: int = 4,
    max_customers: int | None = None,
) -> MbgCnbd:
    """Fit MBG/CNBD-k by maximum likelihood, with the ``k`` of the highest likelihood.

    ``k`` runs upwards from 1 and stops where the likelihood falls, which has a single peak in ``k``.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        As in `fit_bgnbd`.
    sum_log_gaps : array_like, shape (n_customers,), optional
        Sum of the logarithms of the ``x`` gaps between a customer's purchases (0 where ``x = 0``), in the same
        unit. Only with it can values of ``k`` be compared; without it ``k = 1``.
    max_k : int
        Greatest ``k`` tried.
    max_customers : int, optional
        As in `fit_bgnbd`.

    Raises
    ------
    ModelError
        As `fit_bgnbd`; also if a sum of log gaps is not finite, which two purchases at one time make it.
    """
    if max_k < 1:
        raise ModelError("max_k below 1", rule="model.btyd_input")
    rows = _rows(x, t_x, T, sum_log_gaps, max_customers=max_customers)
    n_customers = int(rows.weights.sum())
    fit = _Fit.of(rows, k=1, drop_at_zero=True)
    rough = fit.explored()
    loglik = rough.mean_loglik * n_customers
    for k in range(2, (1 if sum_log_gaps is None else max_k) + 1):
        next_fit = _Fit.of(rows, k=k, drop_at_zero=True)
        next_rough = next_fit.explored(near=rough)
        next_loglik = next_rough.mean_loglik * n_customers + _gap_terms(rows, k=k)
        if next_loglik <= loglik:
            break
        fit, rough, loglik = next_fit, next_rough, next_loglik
    (r, alpha, a, b), mean_loglik = fit.refined(rough)
    loglik = mean_loglik * n_customers + _gap_terms(rows, k=fit.k)
    return MbgCnbd(r, alpha, a, b, loglik=loglik, n_customers=n_customers, k=fit.k)


def fit_buying(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    *,
    sum_log_gaps: npt.ArrayLike | None = None,
    max_customers: int | None = None,
) -> BuyingModel:
    """Fit BG/NBD and MBG/CNBD-k and return the one with the higher likelihood; BG/NBD where they are equal.

    Both are fitted to the same customers and have the same four continuous parameters, so no penalty is due.

    Parameters
    ----------
    x, t_x, T, sum_log_gaps, max_customers
        As in `fit_mbgcnbd`; without ``sum_log_gaps`` only random purchase times are compared.

    Raises
    ------
    ModelError
        As `fit_mbgcnbd`.
    """
    plain = fit_bgnbd(x, t_x, T, max_customers=max_customers)
    other = fit_mbgcnbd(x, t_x, T, sum_log_gaps=sum_log_gaps, max_customers=max_customers)
    return other if other.loglik > plain.loglik else plain


def _gap_terms(rows: MergedRows, *, k: int) -> float:
    """Return the part of the log-likelihood that depends on ``k`` and the gaps only."""
    if k == 1:
        return 0.0
    counts, log_gaps = rows.columns[0], rows.columns[3]
    return float(np.sum(rows.weights * ((k - 1) * log_gaps - counts * gammaln(k))))


def _rows(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    sum_log_gaps: npt.ArrayLike | None = None,
    *,
    max_customers: int | None,
) -> MergedRows:
    counts, last, age = (np.ravel(c) for c in as_summary(x, t_x, T))
    require_enough(counts.size, int(np.count_nonzero(counts)))
    if sum_log_gaps is None:
        return merge_rows(counts, last, age, max_customers=max_customers)
    log_gaps = np.ravel(np.asarray(sum_log_gaps, dtype=np.float64))
    if log_gaps.shape != counts.shape or not np.isfinite(log_gaps).all():
        raise ModelError(
            "sums of log gaps are missing or not finite",
            rule="model.btyd_input",
            next_step="Merge purchases at one time into one before counting gaps.",
        )
    return merge_rows(counts, last, age, log_gaps, max_customers=max_customers)


@dataclass(frozen=True, slots=True)
class _Fit:
    """One model's likelihood over some customers, and the ``scale`` of their time: the mean age."""

    k: int
    scale: float
    full: BgLikelihood
    scout: BgLikelihood

    @classmethod
    def of(cls, rows: MergedRows, *, k: int, drop_at_zero: bool) -> _Fit:
        purchases = MergedRows(rows.columns[:3], rows.weights)
        scale = float(np.sum(purchases.columns[2] * purchases.weights) / np.sum(purchases.weights))
        if scale == 0:
            raise ModelError("every customer is observed at the first purchase only", rule="model.btyd_no_repeat")
        full = scout = BgLikelihood(purchases, k=k, drop_at_zero=drop_at_zero)
        if purchases.weights.size > 2 * _SCOUT_ROWS:
            step = purchases.weights.size // _SCOUT_ROWS
            few = MergedRows(tuple(c[::step] for c in purchases.columns), purchases.weights[::step])
            scout = BgLikelihood(few, k=k, drop_at_zero=drop_at_zero)
        return cls(k, scale, full, scout)

    @property
    def bounds(self) -> Bounds:
        return [(1e-3, 1e3), (self.scale * 1e-6, self.scale * 1e6), (1e-4, 1e4), (1e-4, 1e4)]

    def explored(self, *, near: Rough | None = None) -> Rough:
        """Search from two common places, or near the solution for ``k - 1`` unless nobody leaves there."""
        starts = [(0.5, self.k * self.scale / 4, 0.8, 2.5), (2.0, self.k * self.scale, 0.3, 5.0)]
        if near is not None:
            r, alpha, a, b = near.theta
            # Irregular times leave a steady customer's silence unexplained, and may take everybody for alive.
            if a / (a + b) > _SOME_LEAVE:
                starts = [(r, alpha * self.k / (self.k - 1), a, b)]
        return explore(self.scout, starts=starts, bounds=self.bounds)

    def refined(self, rough: Rough) -> tuple[list[float], float]:
        theta, mean_loglik = refine(self.full, rough, bounds=self.bounds)
        return theta.tolist(), mean_loglik
