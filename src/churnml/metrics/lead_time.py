"""How long before they churned customers had been on the list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.metrics.arrays import Floats, as_amounts

__all__ = ["LeadTimeCurve", "lead_time_curve"]

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class LeadTimeCurve:
    """Share of churners listed, and scored at all, at least so many days before they churned.

    Parameters
    ----------
    lead_days : ndarray, shape (n_leads,)
        Rising, > 0: every lead that occurs.
    fraction_listed : ndarray, shape (n_leads,)
        Share of churners on some list at least that long before, falling.
    fraction_scored : ndarray, shape (n_leads,)
        Share of churners with a score at least that long before: what the best score could reach.
    n_churners : int
        Churners with a score before they churned.
    """

    lead_days: Floats
    fraction_listed: Floats
    fraction_scored: Floats
    n_churners: int


def lead_time_curve(
    event_day: npt.ArrayLike, y_score: npt.ArrayLike, customers: npt.ArrayLike, day: npt.ArrayLike, *, fraction: float
) -> LeadTimeCurve:
    """Tell how early a list of the highest scores, drawn up each day, would have warned of each churn.

    Parameters
    ----------
    event_day : array_like, shape (n_rows,)
        Day on which the row's customer churned next, NaN = not at all; on the clock of ``day``.
    y_score : array_like, shape (n_rows,)
        Any score that grows with risk.
    customers : array_like, shape (n_rows,)
        Whose row it is.
    day : array_like, shape (n_rows,)
        On which the score was given.
    fraction : float
        Share of the day's customers on the list, in (0, 1], rounded down to whole customers.

    Returns
    -------
    LeadTimeCurve
        A customer who churned twice counts as two. Ties at the edge of a list share the places left: each is on it
        with that probability, day by day on its own.

    Raises
    ------
    ValueError
        If no day has enough customers for a list, nobody churned after a score, a customer has two scores of one
        day, something but ``event_day`` is missing, or lengths differ.

    Notes
    -----
    Being listed once, however long before, counts; so with many days a score by chance lists many. Compare curves of
    the same days only.

    Examples
    --------
    >>> curve = lead_time_curve([70, None, 70, None], [0.2, 0.1, 0.3, 0.4], [1, 2, 1, 2], [0, 0, 30, 30], fraction=0.5)
    >>> curve.lead_days.tolist(), curve.fraction_listed.tolist()
    ([40.0, 70.0], [1.0, 1.0])
    """
    when, scores = as_amounts(day, name="day"), as_amounts(y_score, name="y_score")
    event = np.asarray(event_day, dtype=np.float64)
    if np.isinf(event).any():
        raise ValueError("event_day holds infinite values")
    number = np.unique(np.asarray(customers), return_inverse=True)[1]
    if not when.size == scores.size == number.size or event.shape != when.shape:
        raise ValueError("truth and scores differ in length")
    listed = _p_listed(when, scores, fraction=fraction)
    rows = np.flatnonzero(event > when)
    if rows.size == 0:
        raise ValueError("nobody churned after a score")
    rows = rows[np.lexsort((when[rows], event[rows], number[rows]))]
    same = (number[rows][1:] == number[rows][:-1]) & (event[rows][1:] == event[rows][:-1])
    if np.any(same & (when[rows][1:] == when[rows][:-1])):
        raise ValueError("a customer has two scores of one day")
    starts = np.flatnonzero(np.append(True, ~same))
    first_listed = _p_first(listed[rows], starts)
    lead_days, step = np.unique(event[rows] - when[rows], return_inverse=True)
    at_lead = np.bincount(step, weights=first_listed, minlength=lead_days.size)
    scored = np.bincount(step[starts], minlength=lead_days.size)
    by_lead, scored_by_lead = (np.cumsum(count[::-1])[::-1] / starts.size for count in (at_lead, scored))
    return LeadTimeCurve(lead_days, by_lead, scored_by_lead, n_churners=int(starts.size))


def _p_listed(when: Floats, scores: Floats, *, fraction: float) -> Floats:
    """Return each row's probability to be on its day's list: 1, 0, or a share of the places where scores tie."""
    if not 0 < fraction <= 1:
        raise ValueError("fraction is not in (0, 1]")
    order = np.lexsort((-scores, when))
    new_day = np.append(True, np.diff(when[order]) > 0)
    new_tie = new_day | np.append(True, np.diff(scores[order]) < 0)
    day_start, tie_start = np.flatnonzero(new_day), np.flatnonzero(new_tie)
    n_day, n_tie = (np.diff(np.append(start, when.size)) for start in (day_start, tie_start))
    # As in n_of_fraction: what is whole but for rounding counts as whole.
    places = np.floor(fraction * n_day + 1e-9)
    if places.max() == 0:
        raise ValueError("fraction leaves no customer to contact on any day")
    of_day = np.searchsorted(day_start, tie_start, side="right") - 1
    left = places[of_day] - (tie_start - day_start[of_day])
    listed = np.empty(when.size)
    listed[order] = np.repeat(np.clip(left / n_tie, 0.0, 1.0), n_tie)
    return listed


def _p_first(listed: Floats, starts: Ints) -> Floats:
    """Return each row's probability to be the first on a list among its customer's, ordered by day."""
    first, n_rows = np.empty(listed.size), np.diff(np.append(starts, listed.size))
    never = np.ones(starts.size)
    for position in range(int(n_rows.max())):
        some = np.flatnonzero(n_rows > position)
        rows = starts[some] + position
        first[rows] = never[some] * listed[rows]
        never[some] *= 1 - listed[rows]
    return first
