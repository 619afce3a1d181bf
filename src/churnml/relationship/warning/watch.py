"""Series of weeks and whether each week stands out from what was due, beside a plain threshold on the raw rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from churnml.relationship.warning.baseline import LEAST_WEEKS, Forecast, Kind, forecast

__all__ = ["ALONE_OF_LOSSES", "Series", "Status", "Verdict", "alphas", "judged", "judged_since"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Status = Literal["quiet", "alarm", "missing", "short"]
Basis = Literal["past", "model"]
_WINDOWS = (1, 2)
"""Weeks taken together: a jump shows in one, what is smaller in two."""
_MOST_PAST_YEARS = 5
ALONE_OF_LOSSES = 0.25
"""Share of the false alarms of losses that a single week may raise: see :func:`judged`."""


@dataclass(frozen=True, slots=True)
class Series:
    """What was counted, week by week.

    Parameters
    ----------
    name : str
    counts : ndarray of float64, shape (n_weeks,)
    exposure : ndarray of float64, shape (n_weeks,)
        Out of how many: customers at risk when the week began, or answers.
    completeness : ndarray of float64, shape (n_weeks,)
        Share of what happened that is known by now, in (0, 1].
    known : ndarray of bool, shape (n_weeks,)
        False before the table began and where rows are missing.
    falls : bool
        Whether it is a fall that warns.
    foretold : ndarray of float64, shape (n_weeks,), optional
        What a model expected of each week before it began, above 0; NaN where it did not.
    """

    name: str
    counts: Floats
    exposure: Floats
    completeness: Floats
    known: Bools
    falls: bool = False
    foretold: Floats | None = None

    @property
    def base(self) -> Floats:
        """Return out of how many it could have been counted by now."""
        return self.exposure * self.completeness


@dataclass(frozen=True, slots=True)
class Verdict:
    """One week of a series.

    Parameters
    ----------
    week : int
    status : {"quiet", "alarm", "missing", "short"}
        Missing: nothing is known of the week. Short: too little is known of the weeks before.
    observed : float
        NaN where missing.
    estimated : float
        With what is still to arrive.
    expected, limit : float
        Due by now; the least extreme count of this week alone that is an alarm.
    p_value : float
        Of the more extreme of one and two weeks, corrected for having looked at both.
    kind : {"season", "level"} or None
    expected_by : {"past", "model"}
        What is due follows customers at risk, or what a model foretold.
    is_plain_alarm : bool
        Whether the raw rate alone is beyond its mean and so many standard deviations.
    """

    week: int
    status: Status
    observed: float = np.nan
    estimated: float = np.nan
    expected: float = np.nan
    limit: float = np.nan
    p_value: float = np.nan
    kind: Kind | None = None
    is_plain_alarm: bool = False
    expected_by: Basis = "past"


def alphas(n_others: int, *, per_year: float, year: float) -> tuple[float, float]:
    """Return the false-alarm rate a week of losses and of each other series.

    Losses, which it is all about, have two thirds of what is allowed; the others share the rest.

    Parameters
    ----------
    n_others : int
    per_year : float
        False alarms that all series together may raise in a year.
    year : float
        Weeks of a year.

    Examples
    --------
    >>> alphas(5, per_year=0.78, year=52)
    (0.01, 0.001)
    """
    third = per_year / year / 3
    return 2 * third, third / max(1, n_others)


def judged(series: Series, week: int, *, alpha: float, guard: int, year: float, alone: float = 0.5) -> Verdict:
    """Return whether a week stands out, by the weeks before it only.

    Parameters
    ----------
    series : Series
    week : int
    alpha : float
        False-alarm rate a week.
    guard : int
        So many weeks before are left out: a crisis that has begun must not become what is usual. At least 1.
    year : float
        Weeks of a year.
    alone : float, optional
        Share of ``alpha`` for the week alone; the rest is for it and the one before together (weighted Bonferroni
        [1]_). Where an excess is to be found within two weeks, two tell more than one: :data:`ALONE_OF_LOSSES`.

    References
    ----------
    .. [1] Genovese, Roeder, Wasserman (2006). False discovery control with p-value weighting. Biometrika 93, 509-524.
    """
    if not series.known[week] or series.base[week] <= 0:
        return Verdict(week, "missing")
    observed = float(series.counts[week])
    estimated = observed / float(series.completeness[week])
    windows = [n for n in _WINDOWS if _whole(series, week, n)]
    due, basis = _better_due(series, week, windows[-1], guard=guard, year=year)
    if due is None:
        return Verdict(week, "short", observed, estimated)
    share = {1: alone, 2: 1 - alone} if len(windows) > 1 else {1: 1.0}
    tails = [
        due.last(n).tail(float(series.counts[week - n + 1 : week + 1].sum()), falls=series.falls) / share[n]
        for n in windows
    ]
    return Verdict(
        week,
        "alarm" if min(tails) < alpha else "quiet",
        observed,
        estimated,
        float(due.mean[-1]),
        due.last(1).limit(alpha * share[1], falls=series.falls),
        min(1.0, min(tails)),
        due.kind,
        _is_plain_alarm(series, week, alpha=alpha, guard=guard, year=year),
        basis,
    )


def _whole(series: Series, week: int, n: int) -> bool:
    first = week - n + 1
    return first >= 0 and bool((series.known & (series.base > 0))[first : week + 1].all())


def _past(series: Series, week: int, *, guard: int, year: float) -> npt.NDArray[np.int64]:
    last, first = week - guard, max(0, week - guard - round(_MOST_PAST_YEARS * year))
    usable = series.known & (series.base > 0)
    return first + np.flatnonzero(usable[first : max(last, 0)]).astype(np.int64)


def _better_due(series: Series, week: int, n: int, *, guard: int, year: float) -> tuple[Forecast | None, Basis]:
    """Return what some weeks were due to bring, by what explains the past weeks better: exposure, or a model.

    A model's expectation takes the place of the exposure (a risk-adjusted chart [1]_), so that its level need not be
    right. It must know the weeks judged and enough of those before, and explain these better than trend, season and
    exposure do: smaller mean of squared Pearson residuals, both corrected for what was fitted. The weeks judged have no
    say in it.

    References
    ----------
    .. [1] Steiner, Cook, Farewell, Treasure (2000). Monitoring surgical performance using risk-adjusted cumulative sum
       charts. Biostatistics 1, 441-452.
    """
    past, ahead = _past(series, week, guard=guard, year=year), np.arange(week - n + 1, week + 1, dtype=np.int64)
    plain = _forecast(series, series.base, past, ahead, year=year)
    foretold = None if series.foretold is None else np.nan_to_num(series.foretold * series.completeness)
    if plain is None or foretold is None or not (foretold[ahead] > 0).all():
        return plain, "past"
    told = past[foretold[past] > 0]
    by_model = _forecast(series, foretold, told, ahead, year=year)
    if by_model is None:
        return plain, "past"
    misfits = [
        _misfit(series, base, learned, told, year=year) for base, learned in ((series.base, past), (foretold, told))
    ]
    return (by_model, "model") if misfits[1] < misfits[0] else (plain, "past")


def _forecast(
    series: Series, base: Floats, past: npt.NDArray[np.int64], ahead: npt.NDArray[np.int64], *, year: float
) -> Forecast | None:
    return forecast(
        series.counts[past],
        base[past],
        past,
        ahead=ahead,
        ahead_exposure=base[ahead],
        year=year,
        falls=series.falls,
    )


def _misfit(
    series: Series, base: Floats, past: npt.NDArray[np.int64], weeks: npt.NDArray[np.int64], *, year: float
) -> float:
    """Return the mean squared Pearson residual of some past weeks, per degree of freedom."""
    found = _forecast(series, base, past, weeks, year=year)
    if found is None:
        return np.inf
    fitted = 1 if found.kind == "level" else 4
    squares = (series.counts[weeks] - found.mean) ** 2 / found.mean
    return float(squares.sum() / max(1, len(weeks) - fitted))


def _is_plain_alarm(series: Series, week: int, *, alpha: float, guard: int, year: float) -> bool:
    """Return what a threshold on the raw rate says: mean and standard deviations of the same weeks, same alpha."""
    past = _past(series, week, guard=guard, year=year)
    rates = series.counts[past] / series.exposure[past]
    reach = float(stats.norm.isf(alpha)) * float(rates.std(ddof=1)) if len(past) >= LEAST_WEEKS else np.inf
    rate = float(series.counts[week] / series.exposure[week])
    middle = float(rates.mean()) if len(past) else np.nan
    return rate < middle - reach if series.falls else rate > middle + reach


def judged_since(verdicts: Sequence[Verdict], *, last: int, is_plain: bool = False) -> int | None:
    """Return the first week of the alarm that the last weeks are in; None without one.

    Parameters
    ----------
    verdicts : sequence of Verdict
        Of weeks in a row.
    last : int
        An alarm counts where one of so many last weeks is one; as many quiet weeks end it.
    is_plain : bool, optional
        By the plain threshold.
    """
    flags = [v.is_plain_alarm if is_plain else v.status == "alarm" for v in verdicts]
    place = len(flags)
    while any(flags[max(0, place - last) : place]):
        place = next(k for k in range(max(0, place - last), place) if flags[k])
    return verdicts[place].week if place < len(flags) else None
