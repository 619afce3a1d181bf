"""Log-likelihood of the (M)BG/(C)NBD-k family with its gradient, and the search all fits share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.special import betaln, digamma, expit, gammaln, logit

from churnml.btyd.summaries import Floats, MergedRows
from churnml.errors import ModelError

__all__ = ["BgLikelihood", "Bounds", "Rough", "erlang_stages", "explore", "log_odds_dead", "refine"]

Objective = Callable[[Floats], tuple[float, Floats]]
Bounds = Sequence[tuple[float, float]]

_ROUGH_GRADIENT = 1e-4
"""Where a search is good to compare starts, and values of ``k``: within about 1e-6 of the mean log-likelihood."""

_LEAST_GRADIENT = 1e-7
"""Data that say nothing about one parameter make a long ridge, whose end only the best of the starts looks for."""

_ONE_FIT_AT_A_TIME = Lock()
"""SciPy's BFGS silences a warning of its own in a way that two threads spoil for each other."""


def erlang_stages(s: Floats, since: Floats, until: Floats, *, k: int) -> list[Floats]:
    """Return the weight of each Erlang stage an alive customer may be in, in units of the first.

    Stage ``j`` weighs ``(s)_j ((until - since) / until)^j / j!``; with ``k = 1`` there is only stage 0.

    Parameters
    ----------
    s : ndarray
        Shape of the posterior rate, ``r + k x``.
    since, until : ndarray
        ``alpha + t_x`` and ``alpha + T``.
    """
    stages = [np.ones_like(until)]
    for j in range(1, k):
        stages.append(stages[-1] * (s + j - 1) / j * ((until - since) / until))
    return stages


def log_odds_dead(
    theta: Sequence[float], x: Floats, t_x: Floats, T: Floats, *, k: int, drop_at_zero: bool
) -> tuple[Floats, list[Floats]]:
    """Return ``log(P(dead) / P(alive))`` at ``T``, -inf where dying was impossible, and the stage weights."""
    r, alpha, a, b = theta
    s = r + k * x
    stages = erlang_stages(s, alpha + t_x, alpha + T, k=k)
    may_die = (x > 0) | drop_at_zero
    tries = np.where(may_die, b + x - 1 + drop_at_zero, 1.0)
    log_odds = np.log(a) - np.log(tries) + s * (np.log(alpha + T) - np.log(alpha + t_x)) - np.log(sum(stages))
    return np.where(may_die, log_odds, -np.inf), stages


class BgLikelihood:
    """Mean log-likelihood of ``(r, alpha, a, b)`` over weighted rows, as a function of their logarithms.

    BG/NBD is ``k=1, drop_at_zero=False`` [1]_; MBG/CNBD-k is ``drop_at_zero=True`` [2]_. Terms that depend on
    ``x`` alone are computed once per distinct ``x``, which is most of the special functions.

    References
    ----------
    .. [1] Fader, Hardie, Lee (2005). "Counting your customers" the easy way. Marketing Science 24(2), 275-284.
    .. [2] Platzer, Reutterer (2016). Ticking away the moments. Marketing Science 35(5), 779-799.
    """

    def __init__(self, rows: MergedRows, *, k: int, drop_at_zero: bool) -> None:
        self.x, self.t_x, self.T = rows.columns
        self.weights = rows.weights / rows.weights.sum()
        self.k, self.drop_at_zero = k, drop_at_zero
        self.counts, where = np.unique(self.x, return_inverse=True)
        self.count_weights = np.bincount(where, weights=self.weights)

    def __call__(self, log_theta: Floats) -> tuple[float, Floats]:
        """Return the negative mean log-likelihood and its gradient."""
        theta = np.exp(log_theta)
        by_count, by_count_gradient = self._count_terms(theta)
        by_row, by_row_gradient = self._row_terms(theta)
        return -(by_count + by_row), -(by_count_gradient + by_row_gradient) * theta

    def _count_terms(self, theta: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = theta
        x, w = self.counts, self.count_weights
        stay = b + x + self.drop_at_zero
        value = betaln(a, stay) - betaln(a, b) + gammaln(r + self.k * x) - gammaln(r) + r * np.log(alpha)
        all_draws = digamma(a + stay) - digamma(a + b)
        gradient = [
            np.sum(w * (digamma(r + self.k * x) - digamma(r))) + np.log(alpha),
            r / alpha,
            -np.sum(w * all_draws),
            np.sum(w * (digamma(stay) - digamma(b) - all_draws)),
        ]
        # Sums, not dot products: those go through threads whose number would move the last digits.
        return float(np.sum(w * value)), np.array(gradient)

    def _row_terms(self, theta: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = theta
        x, t_x, T, w, k = self.x, self.t_x, self.T, self.weights, self.k
        s, until = r + k * x, alpha + T
        log_odds, stages = log_odds_dead(tuple(theta), x, t_x, T, k=k, drop_at_zero=self.drop_at_zero)
        total = np.sum(stages, axis=0)
        log_until = np.log(until)
        value = -s * log_until + np.log(total) + np.logaddexp(0.0, log_odds)
        p_dead = expit(log_odds)
        stage_r, stage_alpha = _stage_slopes(stages, s, until)
        alive = (1 - p_dead) / total
        tries = np.where(np.isneginf(log_odds), 1.0, b + x - 1 + self.drop_at_zero)
        gradient = [
            np.sum(w * (-log_until + alive * stage_r + p_dead * (log_until - np.log(alpha + t_x)))),
            np.sum(w * (-s / until + alive * stage_alpha + p_dead * s * (1 / until - 1 / (alpha + t_x)))),
            np.sum(w * p_dead) / a,
            -np.sum(w * p_dead / tries),
        ]
        return float(np.sum(w * value)), np.array(gradient)


def _stage_slopes(stages: list[Floats], s: Floats, until: Floats) -> tuple[Floats, Floats]:
    """Return the derivatives of the summed stage weights by ``r`` and by ``alpha``."""
    by_r, by_alpha, log_slope = np.zeros_like(s), np.zeros_like(s), np.zeros_like(s)
    for j, stage in enumerate(stages):
        if j:
            log_slope = log_slope + 1 / (s + j - 1)
            by_r += stage * log_slope
            by_alpha -= stage * j / until
    return by_r, by_alpha


@dataclass(frozen=True, slots=True)
class Rough:
    """Where a first, coarse search has ended: good enough to compare starts and models, not to be reported.

    Parameters
    ----------
    theta : tuple of float
        Parameters.
    mean_loglik : float
    curvature : ndarray
        The search's estimate of the inverse Hessian, on the scale it works on.
    """

    theta: tuple[float, ...]
    mean_loglik: float
    curvature: Floats


def explore(objective: Objective, *, starts: Sequence[Sequence[float]], bounds: Bounds) -> Rough:
    """Find roughly where a negative mean log-likelihood is least, from several starts.

    Parameters
    ----------
    objective : callable
        Logarithms of the parameters in; value and gradient out.
    starts : sequence of sequence of float
        Where to begin, as parameters.
    bounds : sequence of (low, high)
        As parameters; they keep data without information on one of them from running away.

    Raises
    ------
    ModelError
        If no start leads to a finite likelihood.
    """
    found = [_descend(objective, np.log(start), bounds, gradient=_ROUGH_GRADIENT) for start in starts]
    finite = [run for run in found if np.isfinite(run.fun)]
    if not finite:
        raise ModelError("the likelihood is not finite anywhere it was tried", rule="model.btyd_no_fit")
    best = min(finite, key=lambda run: float(run.fun))
    return Rough(tuple(np.exp(best.x).tolist()), -float(best.fun), best.hess_inv)


def refine(objective: Objective, rough: Rough, *, bounds: Bounds) -> tuple[Floats, float]:
    """Return the parameters that minimise a negative mean log-likelihood, and the mean log-likelihood there."""
    begin = np.log(rough.theta)
    best = _descend(objective, begin, bounds, gradient=_LEAST_GRADIENT, curvature=rough.curvature)
    return np.exp(best.x), -float(best.fun)


def _descend(
    objective: Objective, start: Floats, bounds: Bounds, *, gradient: float, curvature: Floats | None = None
) -> OptimizeResult:
    """Run BFGS on a scale that maps the range of each parameter to the whole line.

    L-BFGS-B would take the bounds as they are, but works through threaded linear algebra, whose threads cost more
    than all the rest and could move the last digits.
    """
    low, high = np.log(np.asarray(bounds, dtype=np.float64)).T

    def unbounded(u: Floats) -> tuple[float, Floats]:
        share = expit(u)
        value, slope = objective(low + (high - low) * share)
        return value, slope * (high - low) * share * (1 - share)

    options: dict[str, object] = {"maxiter": 500, "gtol": gradient}
    if curvature is not None and np.all(np.linalg.eigvalsh(curvature) > 0):
        options["hess_inv0"] = (curvature + curvature.T) / 2
    begin = logit(np.clip((start - low) / (high - low), 1e-6, 1 - 1e-6))
    with _ONE_FIT_AT_A_TIME:
        run = minimize(unbounded, begin, jac=True, method="BFGS", options=options)
    run.x = low + (high - low) * expit(run.x)
    return run
