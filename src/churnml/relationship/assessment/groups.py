"""Ways to part the customers of a period: declared segments, cohort, buyers, tiers of value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.campaign.tiers import value_tiers
from churnml.timeline import DAY_US, NEVER, us_to_date

__all__ = ["BUYERS", "MAX_LEVELS", "Way", "buyers", "coded", "cohorts", "tiers"]

Int64s = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
MAX_LEVELS = 40
"""More levels are no segments to be read side by side."""
BUYERS = ("new", "one_time", "repeat")
_THREE_YEARS_US = 3 * 365 * DAY_US


@dataclass(frozen=True, slots=True)
class Way:
    """One way to part customers.

    Parameters
    ----------
    name : str
        ``segment:<column>``, ``cohort``, ``buyers`` or ``tier``.
    levels : tuple of str
        In the order of the report; an empty text is: not known.
    codes : ndarray of int64, shape (n_customers,)
        Place of each customer's level, -1 = not a customer of the period.
    """

    name: str
    levels: tuple[str, ...]
    codes: Int64s


def coded(name: str, values: Texts, inside: npt.NDArray[np.bool_], *, order: tuple[str, ...] = ()) -> Way | None:
    """Return the way to part by values, or None where they are too many.

    Parameters
    ----------
    name : str
    values : ndarray of object, shape (n_customers,)
        Texts; None = not known.
    inside : ndarray of bool, shape (n_customers,)
        Who is parted.
    order : tuple of str, optional
        Levels that come first, in this order; the others follow by name.
    """
    texts = np.array(["" if value is None else str(value) for value in values], dtype=object)
    known = sorted(set(texts[inside].tolist()))
    if len(known) > MAX_LEVELS:
        return None
    levels = [level for level in order if level in known]
    levels += [level for level in known if level not in order]
    place = {level: at for at, level in enumerate(levels)}
    codes = np.array([place.get(text, -1) for text in texts.tolist()], dtype=np.int64)
    return Way(name, tuple(levels), np.where(inside, codes, -1))


def cohorts(first_us: Int64s, inside: npt.NDArray[np.bool_], *, end: int, timezone: str) -> Way | None:
    """Return customers by the year they are known since; by its quarter where that is less than three years ago."""
    begun = first_us[inside & (first_us != NEVER)]
    by_quarter = len(begun) == 0 or end - int(np.quantile(begun, 0.01)) < _THREE_YEARS_US
    values = np.full(len(first_us), None, dtype=object)
    known = inside & (first_us != NEVER)
    days, place = np.unique(first_us[known] // DAY_US, return_inverse=True)
    dates = [us_to_date(day * DAY_US, timezone=timezone) for day in days.tolist()]
    names = [f"{d.year}-Q{(d.month + 2) // 3}" if by_quarter else str(d.year) for d in dates]
    if names:
        values[known] = np.array(names, dtype=object)[place]
    return coded("cohort", values, inside)


def buyers(n_before: Int64s, inside: npt.NDArray[np.bool_]) -> Way | None:
    """Return customers by how often they had bought: not yet, once, or more often."""
    values = np.array(BUYERS, dtype=object)[np.clip(n_before, 0, 2)]
    return coded("buyers", values, inside, order=BUYERS)


def tiers(value: Int64s, inside: npt.NDArray[np.bool_]) -> Way | None:
    """Return customers by tiers of what they brought: A brings half, B up to 80 %, C the rest."""
    values = np.full(len(value), None, dtype=object)
    values[inside] = value_tiers(value[inside].astype(np.float64)).astype(object)
    return coded("tier", values, inside, order=("A", "B", "C"))
