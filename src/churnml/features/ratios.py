"""Totals and ratios, as an analyst makes them by hand: what a customer's numbers are in sum and to each other.

They are made of finished columns, so they know exactly what those know: nothing later, and no row of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.features.alike import named_alike
from churnml.features.columns import Columns, slug
from churnml.features.plan import Feature, FeaturePlan

__all__ = ["is_of_attributes", "ratio_columns"]

Float32s = npt.NDArray[np.float32]
Made = tuple[Feature, Float32s]
Parts = Mapping[Feature, Any]

_OF_ATTRIBUTES = frozenset({"total", "ratio", "per_day"})
_MOST_COLUMNS = 150
_MOST_IN_PAIRS = 6
_MOST_PAIRED = 4
_NOTHING = 1e-6
"""A divisor nearer to 0 than this is what rounding left of a sum that is 0."""


def ratio_columns(columns: Columns, plan: FeaturePlan) -> list[Made]:
    """Return the totals and ratios that follow from the columns of one table, at most 150.

    Of customers: the total of numbers that are named alike, the ratio of each two of them in groups of up to six, and
    each number per day since joining. Of events: the amount per unit of each number, and the ratio of the sums of two
    numbers in the longest window, of those named alike or of all where they are at most four.

    Parameters
    ----------
    columns : Columns
        Finished.
    plan : FeaturePlan
        Without the family ``ratios`` there are none; they need the families that their parts are of.

    Returns
    -------
    list of (Feature, ndarray of float32, shape (n_rows,))
        A ratio is missing where a part is, or where its divisor is 0; a total where a part is missing or negative.
    """
    if not plan.keeps("ratios"):
        return []
    parts = dict(columns.visible)
    made = chain(_of_customers(columns.source, parts), _of_events(columns.source, parts, plan))
    return list(islice(made, _MOST_COLUMNS))


def is_of_attributes(feature: Feature) -> bool:
    """Return whether a total or ratio is made of attributes: it carries no date, as its parts carry none."""
    return feature.family == "ratios" and feature.measure in _OF_ATTRIBUTES


def _of_customers(source: str, parts: Parts) -> Iterator[Made]:
    numbers = {f.detail: values for f, values in parts.items() if (f.family, f.unit) == ("profile", "number")}
    paired: set[tuple[str, str]] = set()
    for group in named_alike(tuple(numbers)):
        name = f"{source}_{slug(group.stem)}_total"
        feature = Feature(name, source, "ratios", "total", "number", detail=" + ".join(group.members))
        yield feature, _total([numbers[member] for member in group.members])
        for pair in _pairs(group.members, most=_MOST_IN_PAIRS):
            if pair not in paired:
                paired.add(pair)
                yield _described(source, pair, "ratio"), _ratio(*(numbers[column] for column in pair))
    joined = next((values for feature, values in parts.items() if feature.measure == "joined_days"), None)
    if joined is not None:
        for column, values in numbers.items():
            name = f"{source}_{slug(column)}_per_day"
            yield Feature(name, source, "ratios", "per_day", "number", detail=column), _ratio(values, joined)


def _of_events(source: str, parts: Parts, plan: FeaturePlan) -> Iterator[Made]:
    sums = {
        (f.unit, f.detail, f.window_days): values
        for f, values in parts.items()
        if (f.family, f.measure) == ("value", "sum")
    }
    numbers = tuple(dict.fromkeys(column for unit, column, _ in sums if unit == "number"))
    spans = (*plan.windows_days, None)
    for column in numbers:
        for window in plan.mean_windows:
            amount = sums.get(("money", "amount", spans[window]))
            if amount is not None:
                name = f"{source}_amount_per_{slug(column)}_{plan.window_names[window]}"
                feature = Feature(name, source, "ratios", "price", "money", spans[window], column)
                yield feature, _ratio(amount, sums["number", column, spans[window]])
    longest = plan.windows_days[-1]
    for pair in _pairs_of_sums(numbers):
        made = _ratio(*(sums["number", column, longest] for column in pair))
        yield _described(source, pair, "sums_ratio", longest), made


def _pairs_of_sums(numbers: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    """Return each two numbers of events to be compared, once."""
    if len(numbers) <= _MOST_PAIRED:
        return combinations(numbers, 2)
    groups = named_alike(numbers)
    return dict.fromkeys(pair for group in groups for pair in _pairs(group.members, most=_MOST_IN_PAIRS))


def _pairs(columns: tuple[str, ...], *, most: int) -> Iterable[tuple[str, str]]:
    """Return each two columns, the first given above the second; none where there are too many of them."""
    return combinations(columns, 2) if len(columns) <= most else ()


def _described(source: str, pair: tuple[str, str], measure: str, window_days: int | None = None) -> Feature:
    above, below = pair
    suffix = "" if window_days is None else f"_{window_days}d"
    name = f"{source}_{slug(above)}_per_{slug(below)}{suffix}"
    return Feature(name, source, "ratios", measure, "ratio", window_days, f"{above} / {below}")


def _total(values: Sequence[Float32s]) -> Float32s:
    total, is_amount = np.zeros(len(values[0])), np.ones(len(values[0]), dtype=bool)
    for part in values:
        total += part
        is_amount &= part >= 0
    return np.where(is_amount, total, np.nan).astype(np.float32)


def _ratio(above: Float32s, below: Float32s) -> Float32s:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio: Float32s = above / below
    ratio[~((np.abs(below) >= _NOTHING) & np.isfinite(ratio))] = np.nan
    return ratio
