"""Gamma-Gamma: the mean spend per transaction a customer tends to, from the few transactions seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from churnml.btyd.likelihood import explore, refine
from churnml.btyd.summaries import Floats, MergedRows, merge_rows, require_enough
from churnml.errors import ModelError

__all__ = ["GammaGamma", "fit_gammagamma"]


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """Gamma-distributed spend around a customer's own mean, which is spread by an inverse gamma distribution.

    Parameters
    ----------
    p, q : float
        Shapes of the spend of one transaction and of its scale over customers; ``q > 1``.
    gamma : float
        Scale, in currency.
    loglik : float
        Log-likelihood of all customers fitted on.
    n_customers : int
        Customers fitted on, after thinning.

    References
    ----------
    .. [1] Fader, Hardie (2013). The Gamma-Gamma model of monetary value. brucehardie.com/notes/025.
    """

    p: float
    q: float
    gamma: float
    loglik: float
    n_customers: int

    def expected_spend(self, x: npt.ArrayLike, mean_spend: npt.ArrayLike) -> Floats:
        """Return the expected spend per future transaction of each customer.

        Parameters
        ----------
        x : array_like, shape (n_customers,)
            Transactions that ``mean_spend`` is the mean of, >= 0.
        mean_spend : array_like, shape (n_customers,)
            In currency; unused, and free to be missing, where ``x = 0``. Where it is zero or less, which the
            model knows nothing of, it counts as zero.

        Returns
        -------
        ndarray, shape (n_customers,)
            Currency > 0: the population's mean where ``x = 0``, nearer to ``mean_spend`` the greater ``x``.

        Raises
        ------
        ModelError
            If ``x`` is no count, or ``mean_spend`` not finite where it is used.
        """
        counts, spend = np.broadcast_arrays(*(np.asarray(c, dtype=np.float64) for c in (x, mean_spend)))
        if not (np.isfinite(counts).all() and (counts >= 0).all()):
            raise _refuse("x is not a count of transactions")
        seen = np.where(counts > 0, spend, 0.0)
        if not np.isfinite(seen).all():
            raise _refuse("mean spend is missing or infinite for a customer with transactions")
        total = self.gamma + counts * np.maximum(seen, 0.0)
        return np.atleast_1d(self.p * total / (self.p * counts + self.q - 1))


def _refuse(problem: str) -> ModelError:
    return ModelError(problem, rule="model.btyd_input", next_step="Pass one finite value per customer.")


class _Likelihood:
    """Mean log-likelihood of ``(p, q - 1, gamma)`` over weighted rows, as a function of their logarithms."""

    def __init__(self, rows: MergedRows) -> None:
        self.x, spend = rows.columns
        self.total = self.x * spend
        self.log_spend = np.log(spend)
        self.weights = rows.weights / rows.weights.sum()
        self.counts, where = np.unique(self.x, return_inverse=True)
        self.count_weights = np.bincount(where, weights=self.weights)

    def __call__(self, log_theta: Floats) -> tuple[float, Floats]:
        """Return the negative mean log-likelihood and its gradient."""
        p, excess, gamma = np.exp(log_theta)
        q = 1 + excess
        n, w = self.counts, self.count_weights
        by_count = gammaln(p * n + q) - gammaln(p * n) - gammaln(q) + q * np.log(gamma) + p * n * np.log(n)
        both = digamma(p * n + q)
        x, v = self.x, self.weights
        log_all = np.log(gamma + self.total)
        by_row = (p * x - 1) * self.log_spend - (p * x + q) * log_all
        by_p = np.sum(w * n * (both - digamma(p * n) + np.log(n))) + np.sum(v * x * (self.log_spend - log_all))
        by_q = np.sum(w * both) - digamma(q) + np.log(gamma) - np.sum(v * log_all)
        by_gamma = q / gamma - np.sum(v * (p * x + q) / (gamma + self.total))
        value = np.sum(w * by_count) + np.sum(v * by_row)
        return -float(value), -np.array([by_p * p, by_q * excess, by_gamma * gamma])


def fit_gammagamma(x: npt.ArrayLike, mean_spend: npt.ArrayLike, *, max_customers: int | None = None) -> GammaGamma:
    """Fit Gamma-Gamma by maximum likelihood on the customers with ``x > 0`` and ``mean_spend > 0``.

    ``q`` is kept above 1.05: below 1 the population has no mean, and just above it the mean of customers without
    a transaction would be a matter of the extremest few.

    Parameters
    ----------
    x : array_like, shape (n_customers,)
        Transactions ``mean_spend`` is the mean of; by convention the repeat ones.
    mean_spend : array_like, shape (n_customers,)
        In currency.
    max_customers : int, optional
        Fit on this many customers at most, evenly spaced in the sorted list; all by default.

    Raises
    ------
    ModelError
        If lengths differ, a value is infinite or missing, or fewer than 30 customers can be used.
    """
    counts, spend = (np.ravel(np.asarray(c, dtype=np.float64)) for c in (x, mean_spend))
    if counts.shape != spend.shape or not np.isfinite(counts).all():
        raise _refuse("x and mean_spend differ in length, or x is missing or infinite")
    usable = (counts > 0) & (spend > 0)
    if not np.isfinite(spend[counts > 0]).all():
        raise _refuse("mean spend is missing or infinite for a customer with transactions")
    require_enough(int(np.count_nonzero(usable)), int(np.count_nonzero(counts)))
    rows = merge_rows(counts[usable], spend[usable], max_customers=max_customers)
    centre = float(np.median(spend[usable]))
    likelihood, bounds = _Likelihood(rows), [(1e-3, 1e4), (0.05, 1e4), (centre * 1e-7, centre * 1e7)]
    starts = [(3.0, 2.0, centre), (1.0, 1.0, centre), (20.0, 5.0, centre / 4)]
    theta, mean_loglik = refine(likelihood, explore(likelihood, starts=starts, bounds=bounds), bounds=bounds)
    n_customers = int(rows.weights.sum())
    p, excess, gamma = (float(value) for value in theta)
    return GammaGamma(p=p, q=1 + excess, gamma=gamma, loglik=mean_loglik * n_customers, n_customers=n_customers)
