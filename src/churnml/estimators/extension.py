"""Carrying a value to a horizon longer than any label, and checking the same step on shorter horizons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.estimators.value_blend import shrunk_ratio

__all__ = ["ExtensionCheck", "carried_factor", "check_extension"]

Floats = npt.NDArray[np.float64]
_MOST = 2.0


@dataclass(frozen=True, slots=True)
class ExtensionCheck:
    """How the step from a shorter horizon to the labelled one came out.

    Parameters
    ----------
    ratio : float
        Actual total over the carried total at the labelled horizon; 1 is right, below 1 the step promised too much.
    correction : float
        The ratio drawn towards 1 by as much as chance explains, between 0.5 and 2: the factor to multiply a value
        with that is carried as far again.
    n_rows : int
    """

    ratio: float
    correction: float
    n_rows: int


def carried_factor(near: Floats, far: Floats) -> Floats:
    """Return what the long horizon is worth relative to the short one, per customer.

    Parameters
    ----------
    near, far : ndarray, shape (n_rows,)
        What a buy-till-you-die model expects in the labelled and in the asked horizon; may be missing.

    Returns
    -------
    ndarray, shape (n_rows,)
        At least 1; the ratio of the totals where a customer's own is not defined.
    """
    known = np.isfinite(near) & np.isfinite(far) & (near > 0) & (far > 0)
    if not known.any():
        return np.ones(near.size)
    overall = float(far[known].sum() / near[known].sum())
    ratio = np.divide(far, near, out=np.full(near.size, overall), where=known)
    return np.asarray(np.maximum(ratio, 1.0), dtype=np.float64)


def check_extension(near_actual: Floats, far_actual: Floats, factor: Floats) -> ExtensionCheck:
    """Carry what came in a short window to a longer one and compare with what came there.

    The short window's actual total stands for a prediction without error, so that only the step is judged.

    Parameters
    ----------
    near_actual, far_actual : ndarray, shape (n_rows,)
        Value in a part of the labelled horizon, for example its half, and in all of it.
    factor : ndarray, shape (n_rows,)
        :func:`carried_factor` for these two horizons.

    Examples
    --------
    >>> check_extension(np.full(100, 2.0), np.full(100, 3.0), np.full(100, 2.0)).ratio
    0.75
    """
    carried = near_actual * factor
    promised = float(carried.sum())
    ratio = float(far_actual.sum()) / promised if promised > 0 else 1.0
    return ExtensionCheck(ratio, shrunk_ratio(far_actual, carried, most=_MOST), int(near_actual.size))
