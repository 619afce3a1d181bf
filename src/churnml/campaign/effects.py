"""How much of the leaving an action prevents, learned from past campaigns with a control group drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_EVENTS", "LearnedEffect", "learn_effects"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

LEAST_EVENTS = 20
"""Fewer who left in one of the arms teach nothing."""
_Z80 = 1.2815515655446004


@dataclass(frozen=True, slots=True)
class LearnedEffect:
    """Share of the probability of leaving that one action removes; below 0 it drives customers away.

    Parameters
    ----------
    effect, standard_error : float
        NaN where too few were seen.
    by_segment : mapping of str to tuple of float
        Segment -> effect and standard error, drawn towards the action's own as far as chance explains.
    n_treated, n_control, left_treated, left_control : int
        How many were seen.
    is_enough : bool
        False: at least ``LEAST_EVENTS`` who left are needed in each arm; assume an effect instead.
    """

    effect: float
    standard_error: float
    by_segment: dict[str, tuple[float, float]]
    n_treated: int
    n_control: int
    left_treated: int
    left_control: int
    is_enough: bool

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 80 % interval, within [-1, 1]."""
        low, high = (np.clip(self.effect + sign * _Z80 * self.standard_error, -1.0, 1.0) for sign in (-1, 1))
        return float(low), float(high)


def learn_effects(
    action: Texts,
    is_treated: npt.NDArray[np.bool_],
    has_left: Floats,
    *,
    p_leave: Floats | None = None,
    segment: Texts | None = None,
) -> dict[str, LearnedEffect]:
    """Return the effect of each action: one minus the ratio of the rates of leaving, treated over control.

    With probabilities foretold before the contact, arms are compared by what came beyond them: the arm to which chance
    gave the more endangered is no worse for it, and the error shrinks by what they explain. Errors by the delta method.
    Segments are drawn towards the action's mean by empirical Bayes, with the variance between them by moments [1]_.

    Parameters
    ----------
    action : ndarray of str, shape (n_contacts,)
        Action the contact was chosen for, of the control group too.
    is_treated : ndarray of bool, shape (n_contacts,)
        False = control, drawn at random.
    has_left : ndarray of {0, 1}, shape (n_contacts,)
    p_leave : ndarray, shape (n_contacts,), optional
    segment : ndarray of str, shape (n_contacts,), optional

    Raises
    ------
    ValueError
        If lengths differ.

    References
    ----------
    .. [1] DerSimonian, Laird (1986). Meta-analysis in clinical trials. Controlled Clinical Trials 7(3), 177-188.
    """
    foretold = np.zeros(len(has_left)) if p_leave is None else p_leave
    level = np.full(len(has_left), "") if segment is None else segment
    if len({len(action), len(is_treated), len(has_left), len(foretold), len(level)}) > 1:
        raise ValueError("contacts differ in length")
    return {
        str(name): _of_one(is_treated[rows], has_left[rows], foretold[rows], level[rows])
        for name in np.unique(action)
        for rows in [np.flatnonzero(action == name)]
    }


def _of_one(treated: npt.NDArray[np.bool_], left: Floats, foretold: Floats, level: Texts) -> LearnedEffect:
    counts = (int(treated.sum()), int((~treated).sum()), int(left[treated].sum()), int(left[~treated].sum()))
    if min(counts[2:]) < LEAST_EVENTS:
        return LearnedEffect(np.nan, np.nan, {}, *counts, is_enough=False)
    beyond = left - foretold
    spread = (float(beyond[treated].var()), float(beyond[~treated].var()))
    effect, variance = _ratio(treated, beyond, foretold, spread)
    parts = {
        str(name): _ratio(treated[rows], beyond[rows], foretold[rows], spread)
        for name in np.unique(level)
        for rows in [level == name]
        if treated[rows].any() and (~treated[rows]).any()
    }
    parts = {name: part for name, part in parts.items() if np.isfinite(part[0])}
    shrunk = _drawn_to_mean(parts, effect, variance) if len(parts) > 1 else {}
    return LearnedEffect(effect, float(np.sqrt(variance)), shrunk, *counts, is_enough=True)


def _ratio(
    treated: npt.NDArray[np.bool_], beyond: Floats, foretold: Floats, spread: tuple[float, float]
) -> tuple[float, float]:
    """Return effect and variance of one group; variances of a single outcome are the action's own, known better."""
    base = float(foretold.mean())
    of_treated, of_control = base + float(beyond[treated].mean()), base + float(beyond[~treated].mean())
    if of_control <= 0:
        return np.nan, np.nan
    errors = spread[0] / treated.sum(), spread[1] / (~treated).sum()
    ratio = of_treated / of_control
    return 1.0 - ratio, float((errors[0] + ratio**2 * errors[1]) / of_control**2)


def _drawn_to_mean(
    parts: dict[str, tuple[float, float]], effect: float, variance: float
) -> dict[str, tuple[float, float]]:
    found = np.array(list(parts.values()))
    weight = 1.0 / found[:, 1]
    mean = float((weight * found[:, 0]).sum() / weight.sum())
    excess = float((weight * (found[:, 0] - mean) ** 2).sum()) - (len(parts) - 1)
    between = max(0.0, excess / float(weight.sum() - (weight**2).sum() / weight.sum()))
    own = between / (between + found[:, 1])
    value = own * found[:, 0] + (1 - own) * effect
    error = np.sqrt(own * found[:, 1] + (1 - own) ** 2 * variance)
    return {name: (float(value[k]), float(error[k])) for k, name in enumerate(parts)}
