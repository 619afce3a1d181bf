"""Linear models with errors that need not be alike: statsmodels, opened in one place."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    # pandas tells statsmodels, when it is opened, of decorators that it is going to drop.
    warnings.simplefilter("ignore")
    from statsmodels.regression.linear_model import OLS

__all__ = ["OLS", "Effect", "effect_of"]

Floats = npt.NDArray[np.float64]


class Effect(NamedTuple):
    """A coefficient with its interval and the p-value of none."""

    value: float
    low: float
    high: float
    p_value: float


def effect_of(y: Floats, x: Floats, equal: Floats, *, confidence: float = 0.95) -> Effect:
    """Return by how much ``y`` differs for each unit of ``x``, other columns held equal.

    Parameters
    ----------
    y, x : ndarray, shape (n,)
    equal : ndarray, shape (n, n_columns)
        What is held equal; a constant is added, and columns that do not vary are left out.
    confidence : float

    Notes
    -----
    Ordinary least squares with White's standard errors (HC1), so that ``y`` may be 0 or 1; collinear columns are
    resolved by the pseudo-inverse.

    References
    ----------
    .. [1] White (1980). A heteroskedasticity-consistent covariance matrix estimator. Econometrica 48, 817-838.

    Examples
    --------
    >>> x = np.tile([0.0, 1.0], 50)
    >>> y = np.r_[np.tile([1.0, 3.0], 25), np.tile([2.0, 4.0], 25)]
    >>> round(effect_of(y, x, np.repeat([0.0, 1.0], 50)[:, None]).value, 6)
    2.0
    """
    varying = equal[:, np.ptp(equal, axis=0) > 0] if len(equal) else equal
    design = np.column_stack([np.ones(len(y)), x, varying])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of collinear columns
        fit = OLS(y, design).fit(cov_type="HC1")
        low, high = fit.conf_int(alpha=1 - confidence)[1]
        return Effect(float(fit.params[1]), float(low), float(high), float(fit.pvalues[1]))
