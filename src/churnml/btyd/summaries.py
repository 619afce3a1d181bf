"""Purchase summaries ``(x, t_x, T)``: checked, sorted, thinned, equal rows merged into one with a weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.errors import ModelError

__all__ = ["MIN_CUSTOMERS", "Floats", "MergedRows", "as_summary", "merge_rows", "require_enough"]

Floats = npt.NDArray[np.float64]

MIN_CUSTOMERS = 30
"""Fewer customers than this do not carry a fit of four parameters."""


@dataclass(frozen=True, slots=True)
class MergedRows:
    """Distinct rows, sorted, and how many customers each stands for.

    Parameters
    ----------
    columns : tuple of ndarray, each of shape (n_rows,)
    weights : ndarray, shape (n_rows,)
    """

    columns: tuple[Floats, ...]
    weights: Floats


def _refuse(problem: str) -> ModelError:
    return ModelError(problem, rule="model.btyd_input", next_step="Pass one finite value per customer, in one unit.")


def as_summary(x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the three columns as float64 of one shape.

    Raises
    ------
    ModelError
        If shapes do not agree, a value is missing or infinite, ``x`` is no whole number >= 0, or not
        ``0 <= t_x <= T``.
    """
    try:
        counts, last, age = np.broadcast_arrays(*(np.asarray(c, dtype=np.float64) for c in (x, t_x, T)))
    except ValueError as error:
        raise _refuse("x, t_x and T differ in length") from error
    if not (np.isfinite(counts).all() and np.isfinite(last).all() and np.isfinite(age).all()):
        raise _refuse("x, t_x or T holds missing or infinite values")
    if (counts < 0).any() or (counts != np.floor(counts)).any():
        raise _refuse("x is not a count of repeat transactions")
    if (last < 0).any() or (last > age).any():
        raise _refuse("t_x lies before the first transaction or after T")
    # Without a repeat transaction the last one is the first one, whatever was passed.
    return counts, np.where(counts > 0, last, 0.0), age


def require_enough(n_customers: int, n_repeat: int) -> None:
    """Refuse what cannot carry a fit.

    Raises
    ------
    ModelError
        If there are fewer than `MIN_CUSTOMERS` customers or none of them came back.
    """
    if n_customers < MIN_CUSTOMERS:
        raise ModelError(
            f"fewer than {MIN_CUSTOMERS} customers to fit a buy-till-you-die model on",
            rule="model.btyd_too_few",
            count=n_customers,
        )
    if n_repeat == 0:
        raise ModelError("no customer has a repeat transaction", rule="model.btyd_no_repeat", count=n_customers)


def merge_rows(*columns: Floats, max_customers: int | None = None) -> MergedRows:
    """Sort customers, keep an evenly spaced part of them where there are too many, merge equal rows.

    Sorting comes first, so neither the result nor the part kept depends on the order of the input, and the part
    kept has the whole's distribution of the first column.

    Examples
    --------
    >>> merge_rows(np.array([1.0, 0.0, 1.0])).weights.tolist()
    [1.0, 2.0]
    """
    order = np.lexsort(columns[::-1])
    n = order.size
    if max_customers is not None and n > max_customers:
        order = order[((np.arange(max_customers) + 0.5) * n / max_customers).astype(np.int64)]
    ordered = tuple(column[order] for column in columns)
    is_new = np.ones(order.size, dtype=np.bool_)
    is_new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in ordered])
    starts = np.flatnonzero(is_new)
    weights = np.diff(np.append(starts, order.size)).astype(np.float64)
    return MergedRows(tuple(column[starts] for column in ordered), weights)
