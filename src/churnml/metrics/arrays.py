"""What every metric asks of its arrays, and how a list is cut where scores tie."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = [
    "Floats",
    "as_amounts",
    "as_flags",
    "as_labels",
    "as_probabilities",
    "cumulative_by_score",
    "n_of_fraction",
    "per_customer",
    "same_length",
    "total_of_top",
]

Floats = npt.NDArray[np.float64]


def as_amounts(values: npt.ArrayLike, *, name: str) -> Floats:
    """Return a non-empty vector of finite numbers, or raise ValueError."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} is not a vector with at least one row")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds missing or infinite values")
    return array


def as_flags(values: npt.ArrayLike, *, name: str) -> Floats:
    """Return a vector of 0 and 1, or raise ValueError."""
    flags = as_amounts(values, name=name)
    if not ((flags == 0) | (flags == 1)).all():
        raise ValueError(f"{name} holds something else than 0 and 1")
    return flags


def as_labels(y_true: npt.ArrayLike) -> Floats:
    """Return a vector of 0 and 1 in which both occur, or raise ValueError."""
    labels = as_flags(y_true, name="y_true")
    if labels.min() == labels.max():
        raise ValueError("y_true holds one class only")
    return labels


def as_probabilities(p: npt.ArrayLike, *, name: str = "y_prob") -> Floats:
    """Return a vector of numbers in [0, 1], or raise ValueError."""
    array = as_amounts(p, name=name)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(f"{name} leaves [0, 1]")
    return array


def per_customer(value: npt.ArrayLike, *, name: str, n_customers: int, lowest: float = 0.0) -> Floats:
    """Return one number per customer, from one for all or one each, or raise ValueError."""
    array = as_amounts(np.full(n_customers, value) if np.ndim(value) == 0 else value, name=name)
    if array.size != n_customers:
        raise ValueError(f"{name} is neither one number nor one per customer: it differs in length")
    if array.min() < lowest:
        raise ValueError(f"{name} is negative" if lowest == 0 else f"{name} is below {lowest}")
    return array


def same_length(*arrays: Floats) -> None:
    """Raise ValueError unless all vectors have one length."""
    if len({array.size for array in arrays}) > 1:
        raise ValueError("truth and scores differ in length")


def n_of_fraction(fraction: float, n_customers: int) -> int:
    """Return how many customers a share of them is, rounded down.

    Raises
    ------
    ValueError
        If the fraction is not in (0, 1], or leaves no customer.
    """
    if not 0 < fraction <= 1:
        raise ValueError("fraction is not in (0, 1]")
    # 0.29 * 100 is 28.999999999999996: what is a whole number but for rounding counts as one.
    n = math.floor(fraction * n_customers + 1e-9)
    if n == 0:
        raise ValueError("fraction leaves no customer to contact")
    return n


def cumulative_by_score(y_score: Floats, *amounts: Floats) -> tuple[Floats, Floats, list[Floats]]:
    """Sum amounts from the highest score down, one step per distinct score.

    Returns
    -------
    thresholds : ndarray, shape (n_distinct,)
        Distinct scores, falling.
    n_customers : ndarray, shape (n_distinct + 1,)
        Customers with a score at or above each threshold, after a leading 0.
    totals : list of ndarray, shape (n_distinct + 1,)
        For each amount its sum over those customers.
    """
    order = np.argsort(-y_score)
    ordered = y_score[order]
    if np.any(ordered[1:] == ordered[:-1]):
        # Ties are ordered by their amounts, so that no sum depends on the order of the rows.
        order = np.lexsort((*amounts[::-1], -y_score))
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), ordered.size - 1)
    totals = [np.append(0.0, np.cumsum(amount[order])[last]) for amount in amounts]
    return ordered[last], np.append(0.0, last + 1.0), totals


def total_of_top(amount: Floats, y_score: Floats, *, n_top: float) -> float:
    """Return the expected sum of an amount over the ``n_top`` highest scores, ties at the edge sharing the places."""
    _, n_customers, (total,) = cumulative_by_score(y_score, amount)
    return float(np.interp(n_top, n_customers, total))
