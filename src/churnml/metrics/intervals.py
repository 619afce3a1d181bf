"""How far any metric would move with other customers: the bootstrap of whole customers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import Floats

__all__ = ["MAX_REPETITIONS", "BootstrapInterval", "bootstrap_difference_interval", "bootstrap_interval"]

MAX_REPETITIONS = 10_000
"""More repetitions than this narrow the noise of an interval's ends below what anybody reads."""

Rows = npt.NDArray[np.intp]
Arrays = tuple[npt.NDArray[np.generic], ...]


class BootstrapInterval(NamedTuple):
    """A number and the percentile interval of its resamples.

    Parameters
    ----------
    estimate : float
        On all rows.
    low, high : float
        The interval's ends; not symmetric.
    n_repetitions : int
        Resamples on which the number could be computed.
    """

    estimate: float
    low: float
    high: float
    n_repetitions: int


def bootstrap_interval(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    *arrays: npt.ArrayLike,
    metric: Callable[..., float],
    customers: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    n_repetitions: int = 1000,
    seed: int = 0,
) -> BootstrapInterval:
    """Interval of a metric over samples, with replacement, of as many customers as there are.

    Parameters
    ----------
    y_true, y_pred, *arrays : array_like, shape (n_rows, ...)
        What the metric takes, in its order.
    metric : callable
        From those arrays to a number; options are bound beforehand. It must not depend on the order of rows.
    customers : array_like, shape (n_rows,), optional
        Whose row it is: all rows of a customer are drawn together, so several dates of one customer do not pass for
        several customers. By default every row is a customer of its own.
    confidence : float
        In (0, 1).
    n_repetitions : int
        In [100, 10000].
    seed : int
        The same seed and rows, in any order, give the same interval.

    Returns
    -------
    BootstrapInterval
        Percentile interval; too narrow for a handful of customers.

    Raises
    ------
    ValueError
        If an option leaves its range, lengths differ, the metric cannot be computed on all rows, or it cannot on
        more than half of the resamples (where one class is left).

    References
    ----------
    .. [1] Efron, Tibshirani (1993). An introduction to the bootstrap. Chapman and Hall.
    .. [2] Field, Welsh (2007). Bootstrapping clustered data. JRSS B 69(3), 369-390.

    Examples
    --------
    >>> from churnml.metrics import mean_absolute_loss
    >>> found = bootstrap_interval([0, 0, 90], [10, 20, 60], metric=mean_absolute_loss, n_repetitions=200)
    >>> found.estimate, found.low, found.high
    (20.0, 10.0, 30.0)
    """
    return _interval((y_true, y_pred, *arrays), metric, customers, confidence, n_repetitions, seed)


def bootstrap_difference_interval(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    y_pred_other: npt.ArrayLike,
    *arrays: npt.ArrayLike,
    metric: Callable[..., float],
    customers: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    n_repetitions: int = 1000,
    seed: int = 0,
) -> BootstrapInterval:
    """Interval of a metric's difference between two models, both computed on the same resamples.

    Parameters
    ----------
    y_true, y_pred, y_pred_other : array_like, shape (n_rows, ...)
        Outcome, and the predictions of the model and of the one it is compared with.
    *arrays : array_like, shape (n_rows, ...)
        What the metric takes besides, in its order.
    metric, customers, confidence, n_repetitions, seed
        As in `bootstrap_interval`.

    Returns
    -------
    BootstrapInterval
        Of ``metric(y_pred) - metric(y_pred_other)``. Pairing removes what both models have in common, so this is
        narrower than the two intervals let expect.

    Raises
    ------
    ValueError
        As `bootstrap_interval`.

    Examples
    --------
    >>> from churnml.metrics import mean_absolute_loss
    >>> y = [0, 0, 90]
    >>> found = bootstrap_difference_interval(y, [5, 5, 85], [9, 9, 81], metric=mean_absolute_loss, n_repetitions=200)
    >>> found.estimate, found.low, found.high
    (-4.0, -4.0, -4.0)
    """

    def difference(y: Floats, p: Floats, other: Floats, *rest: Floats) -> float:
        return metric(y, p, *rest) - metric(y, other, *rest)

    given = (y_true, y_pred, y_pred_other, *arrays)
    return _interval(given, difference, customers, confidence, n_repetitions, seed)


def _interval(
    given: tuple[npt.ArrayLike, ...],
    metric: Callable[..., float],
    customers: npt.ArrayLike | None,
    confidence: float,
    n_repetitions: int,
    seed: int,
) -> BootstrapInterval:
    if not 0 < confidence < 1:
        raise ValueError("confidence is not in (0, 1)")
    if not 100 <= n_repetitions <= MAX_REPETITIONS:
        raise ValueError(f"n_repetitions is not in [100, {MAX_REPETITIONS}]")
    arrays, starts = _in_order(given, customers)
    estimate = float(metric(*arrays))
    values: list[float] = []
    for rows in _resamples(starts, n_repetitions=n_repetitions, seed=seed):
        try:
            values.append(float(metric(*(array[rows] for array in arrays))))
        except ValueError:  # one class is left, or the like
            continue
    if len(values) * 2 < n_repetitions:
        raise ValueError("the metric cannot be computed on more than half of the resamples: too few customers")
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return BootstrapInterval(estimate, float(low), float(high), len(values))


def _in_order(given: tuple[npt.ArrayLike, ...], customers: npt.ArrayLike | None) -> tuple[Arrays, Rows]:
    """Return the arrays ordered by customer and content, and where each customer's rows start, with the end added."""
    arrays = tuple(np.asarray(array) for array in given)
    if any(array.ndim == 0 for array in arrays):
        raise ValueError("something is not an array")
    n_rows = len(arrays[0])
    if any(len(array) != n_rows for array in arrays) or (customers is not None and np.shape(customers) != (n_rows,)):
        raise ValueError("truth, scores or customers differ in length")
    content = [column for array in arrays for column in array.reshape(n_rows, -1).T]
    if customers is None:
        order = np.lexsort(content)
        return tuple(array[order] for array in arrays), np.arange(n_rows + 1)
    number = np.unique(np.asarray(customers), return_inverse=True)[1]
    order = np.lexsort((*content, number))
    starts = np.searchsorted(number[order], np.arange(number.max() + 2))
    return tuple(array[order] for array in arrays), starts


def _resamples(starts: Rows, *, n_repetitions: int, seed: int) -> Iterator[Rows]:
    """Draw customers, and give the positions of all their rows."""
    rng, size = np.random.default_rng(seed), np.diff(starts)
    for _ in range(n_repetitions):
        drawn = np.sort(rng.integers(0, size.size, size.size))
        n_rows = size[drawn]
        before = np.cumsum(n_rows) - n_rows
        yield np.repeat(starts[drawn] - before, n_rows) + np.arange(n_rows.sum())
