"""How long something takes where some of it has not happened yet: median, ninth decile, share within a standard."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["waiting"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def waiting(durations: Floats, has_ended: Bools, *, standard: float) -> dict[str, Any]:
    """Return what is known of waiting times, those that go on included.

    Leaving out what is still open would make a queue look the faster, the less of it is answered; Kaplan and Meier
    count an open one as lasting longer than it has so far.

    Parameters
    ----------
    durations : ndarray of float64, shape (n,)
        Any unit, not negative; until the end, or until now where it has not ended.
    has_ended : ndarray of bool, shape (n,)
    standard : float
        What was promised, in the same unit; whoever ended at it was in time.

    Returns
    -------
    dict
        ``n``, ``ended``, ``open``; ``overdue`` (open beyond the standard) and ``late`` (ended beyond it); ``p50`` and
        ``p90``, the least time by which that share has ended, None where it is not reached yet; ``within``, the share
        that ended in time, None where nothing is known so far back.

    References
    ----------
    .. [1] Kaplan, Meier (1958). Nonparametric estimation from incomplete observations. JASA 53, 457-481.

    Examples
    --------
    >>> found = waiting(np.array([1.0, 2.0, 3.0, 9.0]), np.array([True, True, True, False]), standard=2.0)
    >>> found["p50"], found["p90"], found["within"], found["overdue"], found["late"]
    (2.0, None, 0.5, 1, 1)
    """
    is_beyond = durations > standard
    counts = {
        "n": len(durations),
        "ended": int(has_ended.sum()),
        "open": int((~has_ended).sum()),
        "overdue": int((is_beyond & ~has_ended).sum()),
        "late": int((is_beyond & has_ended).sum()),
    }
    if not counts["n"]:
        return {**counts, "p50": None, "p90": None, "within": None}
    left = stats.ecdf(stats.CensoredData.right_censored(durations, ~has_ended)).sf
    is_known = bool(is_beyond.any()) or counts["open"] == 0
    return {
        **counts,
        "p50": _reached(left, 0.5),
        "p90": _reached(left, 0.9),
        # Nobody has waited so long yet: what becomes of them is not known.
        "within": round(1 - float(left.evaluate(standard)), 6) if is_known else None,
    }


def _reached(left: Any, share: float) -> float | None:
    """Return the least time by which a share has ended."""
    # The probability is a product of fractions: a hair keeps its rounding from moving the place.
    reached = np.flatnonzero(left.probabilities <= 1 - share + 1e-12)
    return round(float(left.quantiles[reached[0]]), 4) if len(reached) else None
