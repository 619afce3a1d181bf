"""The population stability index, apart from what needs SciPy: who only sweeps histories starts without it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["stability_index"]

Floats = npt.NDArray[np.float64]
_LEAST_SHARE = 1e-4


def stability_index(expected: Floats, actual: Floats) -> Floats:
    """Return the population stability index of shares: the sum of ``(a - e) * ln(a / e)`` over the bins.

    Parameters
    ----------
    expected, actual : ndarray, shape (..., n_bins)
        Shares; below one in ten thousand they count as that, so that an empty bin gives a finite figure.

    Returns
    -------
    ndarray, shape (...)
        0 = the same; above 0.1 some shift, above 0.25 a major one.

    Examples
    --------
    >>> float(stability_index(np.array([0.5, 0.5]), np.array([0.4, 0.6])).round(4))
    0.0405
    """
    e, a = np.maximum(expected, _LEAST_SHARE), np.maximum(actual, _LEAST_SHARE)
    index: Floats = ((a - e) * np.log(a / e)).sum(axis=-1)
    return index
