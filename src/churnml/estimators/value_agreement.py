"""Churn and value that agree: who is surely gone is worth nothing, and a report of where the two contradict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

__all__ = ["SURELY_GONE", "ValueAgreement", "cap_value", "value_agreement"]

Floats = npt.NDArray[np.float64]
SURELY_GONE = 0.98
N_PARTS = 10
_MIN_ROWS = 20


@dataclass(frozen=True, slots=True)
class ValueAgreement:
    """How far predicted value falls as the probability of churn rises, among customers of like past spend.

    Parameters
    ----------
    spearman : float
        Mean over tenths of past spend of the rank correlation of value with ``1 - p_churn``; 1 is full agreement.
    contradictions : float
        Share of pairs of neighbours, ordered by ``p_churn`` within a tenth and a quarter of it apart, in which the
        customer more likely to go is worth more; 0.5 where the two have nothing to do with each other.
    surely_gone : int
        Customers whose probability of churn exceeds 98 %.
    value_of_surely_gone : float
        Their share of the predicted total.
    """

    spearman: float
    contradictions: float
    surely_gone: int
    value_of_surely_gone: float


def cap_value(value: Floats, p_churn: Floats, *, from_p: float = SURELY_GONE) -> Floats:
    """Lower the value of customers who are surely gone, to nothing where the probability of churn is 1.

    Up to ``from_p`` the value stays as it is; from there it is multiplied by ``(1 - p_churn) / (1 - from_p)``, which
    falls from 1 to 0. Right where a churned customer brings no value: churn is silence in, or the end of, what value is
    made of, over a horizon at least as long. Otherwise the value after churn would be cut away.

    Parameters
    ----------
    value, p_churn : ndarray, shape (n_customers,)
        A missing probability changes nothing; nor does a value below 0 rise.
    from_p : float
        In (0, 1).

    Examples
    --------
    >>> cap_value(np.array([10.0, 10.0, 10.0]), np.array([0.5, 0.99, 1.0])).round(6).tolist()
    [10.0, 5.0, 0.0]
    """
    stays = np.clip((1.0 - np.nan_to_num(p_churn, nan=0.0)) / (1.0 - from_p), 0.0, 1.0)
    return np.where(value > 0, value * stays, value)


def value_agreement(value: Floats, p_churn: Floats, past_spend: Floats) -> ValueAgreement:
    """Compare value and churn within tenths of past spend.

    Parameters
    ----------
    value, p_churn, past_spend : ndarray, shape (n_customers,)
        Rows without value or probability are left out; missing past spend counts as none.

    Raises
    ------
    ValueError
        If lengths differ, or fewer than 20 rows have both.
    """
    if not value.shape == p_churn.shape == past_spend.shape:
        raise ValueError("value, p_churn and past_spend differ in length")
    known = np.isfinite(value) & np.isfinite(p_churn)
    if np.count_nonzero(known) < _MIN_ROWS:
        raise ValueError("fewer than 20 customers with value and probability")
    # Sorted, so that no sum depends on the order of the rows.
    order = np.flatnonzero(known)[np.lexsort((value[known], p_churn[known], np.nan_to_num(past_spend[known])))]
    worth, p = value[order], p_churn[order]
    parts = [
        part for part in np.array_split(np.arange(order.size), min(N_PARTS, worth.size // _MIN_ROWS)) if part.size > 1
    ]
    found = [(_spearman(worth[part], -p[part]), *_crossings(worth[part], p[part])) for part in parts]
    agree = [rho for rho, _, _ in found if rho is not None]
    pairs, gone = sum(n for _, _, n in found), p > SURELY_GONE
    total = float(worth.sum())
    return ValueAgreement(
        spearman=float(np.mean(agree)) if agree else 0.0,
        contradictions=sum(n for _, n, _ in found) / pairs if pairs else 0.0,
        surely_gone=int(np.count_nonzero(gone)),
        value_of_surely_gone=float(worth[gone].sum()) / total if total > 0 else 0.0,
    )


def _spearman(a: Floats, b: Floats) -> float | None:
    if a.min() == a.max() or b.min() == b.max():
        return None
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def _crossings(value: Floats, p_churn: Floats) -> tuple[float, int]:
    """Return contradicting pairs (a tie in value counts half) and pairs, of rows a quarter of the part apart."""
    order = np.lexsort((value, p_churn))
    apart = max(order.size // 4, 1)
    stays, goes = order[:-apart], order[apart:]
    differ = p_churn[stays] < p_churn[goes]
    more = (value[goes] > value[stays]) + 0.5 * (value[goes] == value[stays])
    return float(more[differ].sum()), int(np.count_nonzero(differ))
