"""BG/NBD and MBG/CNBD-k: who is still a customer, and how many purchases are to come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, gammaln

from churnml.btyd.expectation import expected_if_alive
from churnml.btyd.likelihood import BgLikelihood, log_odds_dead, maximise
from churnml.btyd.summaries import Floats, MergedRows, as_summary, merge_rows, require_enough
from churnml.errors import ModelError

__all__ = ["BgNbd", "MbgCnbd", "fit_bgnbd", "fit_mbgcnbd"]

_SCOUT_ROWS = 4_000


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What the two models share; they differ in ``k`` and in whether a customer may leave at the first purchase."""

    r: float
    alpha: float
    a: float
    b: float
    loglik: float
    n_customers: int

    @property
    def _k(self) -> int:
        return 1

    @property
    def _drop_at_zero(self) -> bool:
        return False

    def _dead(self, x: Floats, t_x: Floats, T: Floats) -> tuple[Floats, list[Floats]]:
        theta = (self.r, self.alpha, self.a, self.b)
        return log_odds_dead(theta, x, t_x, T, k=self._k, drop_at_zero=self._drop_at_zero)

    def p_alive(self, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike) -> Floats:
        """Return the probability that each customer is still one at ``T``.

        Parameters
        ----------
        x, t_x, T : array_like, shape (n_customers,)
            Repeat transactions; time of the last one and of the observation, both since the first one.

        Returns
        -------
        ndarray, shape (n_customers,)
            In [0, 1].

        Raises
        ------
        ModelError
            If a value is missing, infinite, or outside its range.
        """
        counts, last, age = (np.atleast_1d(c) for c in as_summary(x, t_x, T))
        return np.asarray(expit(-self._dead(counts, last, age)[0]))

    def expected_purchases(
        self, horizon: npt.ArrayLike, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike
    ) -> Floats:
        """Return the expected number of purchases of each customer in ``(T, T + horizon]``.

        Parameters
        ----------
        horizon : float or array_like, shape (n_customers,)
            Length looked ahead, >= 0, in the unit of ``T``. A customer about to make the first purchase is
            ``x = t_x = T = 0``.
        x, t_x, T : array_like, shape (n_customers,)
            As in `p_alive`.

        Returns
        -------
        ndarray, shape (n_customers,)
            Purchases >= 0, dropout before and inside the horizon included.

        Raises
        ------
        ModelError
            If a value is missing, infinite, or outside its range.
        """
        counts, last, age = (np.atleast_1d(c) for c in as_summary(x, t_x, T))
        ahead = np.asarray(horizon, dtype=np.float64)
        if not (np.isfinite(ahead).all() and (ahead >= 0).all()):
            raise ModelError("a horizon is missing, infinite or negative", rule="model.btyd_input")
        ahead, counts, last, age = np.broadcast_arrays(ahead, counts, last, age)
        log_odds, stages = self._dead(counts, last, age)
        ratio = ahead / (self.alpha + age)
        stay = self.b + counts + self._drop_at_zero
        alive = expected_if_alive(self.r + self._k * counts, ratio, stages, a=self.a, stay=stay)
        return np.asarray(expit(-log_odds) * alive)


@dataclass(frozen=True, slots=True)
class BgNbd(_Fitted):
    """Beta-geometric / NBD: Poisson purchases, dropout possible after each repeat purchase.

    Parameters
    ----------
    r, alpha : float
        Gamma distribution of purchase rates; ``alpha`` in the unit of time.
    a, b : float
        Beta distribution of dropout probabilities.
    loglik : float
        Log-likelihood of all customers fitted on.
    n_customers : int
        Customers fitted on, after thinning.

    References
    ----------
    .. [1] Fader, Hardie, Lee (2005). "Counting your customers" the easy way. Marketing Science 24(2), 275-284.

    Examples
    --------
    >>> cdnow = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426, loglik=-9582.4, n_customers=2357)
    >>> cdnow.expected_purchases(39, x=2, t_x=30.43, T=38.86).round(3).tolist()
    [1.226]
    """


@dataclass(frozen=True, slots=True)
class MbgCnbd(_Fitted):
    """Modified beta-geometric / CNBD-k: Erlang-k gaps between purchases, dropout possible after the first one too.

    Parameters
    ----------
    r, alpha, a, b : float
        As in `BgNbd`; the rate is that of the Erlang stages, ``k`` of which make a purchase.
    loglik : float
        Log-likelihood of all customers fitted on, comparable between values of ``k``.
    n_customers : int
        Customers fitted on, after thinning.
    k : int
        Regularity of purchase times: 1 at random (MBG/NBD), greater for a steadier rhythm.

    References
    ----------
    .. [1] Batislam, Denizel, Filiztekin (2007). Empirical validation and comparison of models for customer base
       analysis. Int. J. Research in Marketing 24(3), 201-209.
    .. [2] Platzer, Reutterer (2016). Ticking away the moments. Marketing Science 35(5), 779-799.
    """

    k: int = 1

    @property
    def _k(self) -> int:
        return self.k

    @property
    def _drop_at_zero(self) -> bool:
        return True


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
    (r, alpha, a, b), mean_loglik = _fit(rows, k=1, drop_at_zero=False)
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
    rows = _rows(x, t_x, T, sum_log_gaps, max_customers=max_customers)
    n_customers = int(rows.weights.sum())
    best: MbgCnbd | None = None
    for k in range(1, (1 if sum_log_gaps is None else max_k) + 1):
        (r, alpha, a, b), mean_loglik = _fit(rows, k=k, drop_at_zero=True)
        loglik = mean_loglik * n_customers + _gap_terms(rows, k=k)
        if best is not None and loglik <= best.loglik:
            break
        best = MbgCnbd(r, alpha, a, b, loglik=loglik, n_customers=n_customers, k=k)
    if best is None:
        raise ModelError("max_k below 1", rule="model.btyd_input")
    return best


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


def _fit(rows: MergedRows, *, k: int, drop_at_zero: bool) -> tuple[list[float], float]:
    purchases = MergedRows(rows.columns[:3], rows.weights)
    scale = float(np.sum(purchases.columns[2] * purchases.weights) / np.sum(purchases.weights))
    if scale == 0:
        raise ModelError("every customer is observed at the first purchase only", rule="model.btyd_no_repeat")
    starts = [(0.5, k * scale / 4, 0.8, 2.5), (2.0, k * scale, 0.3, 5.0)]
    bounds = [(1e-3, 1e3), (scale * 1e-6, scale * 1e6), (1e-4, 1e4), (1e-4, 1e4)]
    full = BgLikelihood(purchases, k=k, drop_at_zero=drop_at_zero)
    scout = None
    if purchases.weights.size > 2 * _SCOUT_ROWS:
        step = purchases.weights.size // _SCOUT_ROWS
        few = MergedRows(tuple(c[::step] for c in purchases.columns), purchases.weights[::step])
        scout = BgLikelihood(few, k=k, drop_at_zero=drop_at_zero)
    theta, mean_loglik = maximise(full, starts=starts, bounds=bounds, scout=scout)
    return theta.tolist(), mean_loglik
