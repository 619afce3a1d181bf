"""BG/NBD and MBG/CNBD-k: who is still a customer, and how many purchases are to come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from churnml.btyd.expectation import expected_if_alive
from churnml.btyd.likelihood import erlang_stages, log_odds_dead
from churnml.btyd.summaries import Floats, as_summary
from churnml.errors import ModelError

__all__ = ["BgNbd", "BuyingModel", "MbgCnbd"]


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
        horizon : float or array_like
            Length looked ahead, >= 0, in the unit of ``T``: one, one per customer, or several of shape
            (n_horizons, 1), which cost less together. A customer about to make the first purchase is
            ``x = t_x = T = 0``.
        x, t_x, T : array_like, shape (n_customers,)
            As in `p_alive`.

        Returns
        -------
        ndarray, shape (n_customers,) or (n_horizons, n_customers)
            Purchases >= 0, dropout before and inside the horizon included.

        Raises
        ------
        ModelError
            If a value is missing, infinite, or outside its range.
        """
        broadcast = _ahead(horizon, x, t_x, T)
        ahead, counts, last, age = (column.ravel() for column in broadcast)
        log_odds, stages = self._dead(counts, last, age)
        ratio = ahead / (self.alpha + age)
        stay = self.b + counts + self._drop_at_zero
        alive = expected_if_alive(self.r + self._k * counts, ratio, stages, a=self.a, stay=stay)
        return np.asarray(expit(-log_odds) * alive).reshape(broadcast[0].shape)

    def p_silent(self, horizon: npt.ArrayLike, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike) -> Floats:
        """Return the probability that each customer makes no purchase in ``(T, T + horizon]``.

        Who has left stays silent. Who is alive cannot leave before the next purchase, and has not made it by
        ``T + horizon`` with the probability of a silence since ``t_x`` that lasts until then, relative to one that
        lasts until ``T``: a ratio of two sums over Erlang stages, each averaged over the customer's purchase rate;
        with ``k = 1`` it is ``((alpha + T) / (alpha + T + horizon))^(r + x)``.

        Parameters
        ----------
        horizon : float or array_like
            As in `expected_purchases`.
        x, t_x, T : array_like, shape (n_customers,)
            As in `p_alive`.

        Returns
        -------
        ndarray, shape (n_customers,) or (n_horizons, n_customers)
            In [0, 1]: 1 at a horizon of 0, falling towards ``1 - p_alive`` as it grows; at least
            ``1 - expected_purchases``.

        Raises
        ------
        ModelError
            If a value is missing, infinite, or outside its range.
        """
        ahead, counts, last, age = _ahead(horizon, x, t_x, T)
        log_odds, stages = self._dead(counts, last, age)
        s, now = self.r + self._k * counts, self.alpha + age
        later = erlang_stages(s, self.alpha + last, now + ahead, k=self._k)
        log_quiet = -s * np.log1p(ahead / now) + np.log(sum(later)) - np.log(sum(stages))
        # A sum of two probabilities keeps its digits where both are small, as 1 minus a product would not.
        return np.asarray(np.minimum(expit(log_odds) + expit(-log_odds) * np.exp(log_quiet), 1.0))


def _ahead(
    horizon: npt.ArrayLike, x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return horizon and summaries checked and of one shape."""
    counts, last, age = (np.atleast_1d(c) for c in as_summary(x, t_x, T))
    ahead = np.asarray(horizon, dtype=np.float64)
    if not (np.isfinite(ahead).all() and (ahead >= 0).all()):
        raise ModelError("a horizon is missing, infinite or negative", rule="model.btyd_input")
    ahead, counts, last, age = np.broadcast_arrays(ahead, counts, last, age)
    return ahead, counts, last, age


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


BuyingModel = BgNbd | MbgCnbd
"""Either model: both tell P(alive), P(silent) and expected purchases."""
