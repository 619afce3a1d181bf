"""Which features there are: generated from the roles of the tables, the windows, and levels known early enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from churnml.families import FAMILIES
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.timeline import NEVER, days_to_us

__all__ = ["QUARTERS", "Feature", "FeaturePlan", "choose_levels", "is_enough", "level_counts"]

QUARTERS = 4
"""Levels are first counted among the customers of every fourth bucket: the same ones whatever the number of buckets."""
_ENOUGH_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature table.

    Parameters
    ----------
    name : str
        ``<source>_<measure>_<window>``.
    source, family, measure : str
        Table, family of features, and the measure's key in the catalogue of words.
    unit : str
        ``days``, ``count``, ``money``, ``share``, ``ratio``, ``number`` or ``category``.
    window_days : int or None
        Length of the window; None = whole history or no window.
    detail : str
        Column or level the measure is about, where there is one.
    meaning : tuple of (language, phrase)
        What it means, where the catalogue of words does not say it: an own feature's.
    """

    name: str
    source: str
    family: str
    measure: str
    unit: str
    window_days: int | None = None
    detail: str = ""
    meaning: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """What decides the columns: windows, levels kept, and the horizons of expected purchases.

    Parameters
    ----------
    windows_days : tuple of int
        Ascending.
    levels : mapping of str to tuple of str
        Kept levels by ``<table>.<column>``, most frequent first.
    btyd_table : str
        Events table whose purchases feed the buy-till-you-die summaries; empty = none.
    btyd_horizons_days : tuple of float
        Horizons of the expected purchases and of their absence, distinct, ascending.
    families : tuple of str
        Families that get columns.
    every_window : bool
        Whether extremes, spread, mean and level counts are made for every window, not only for the longest.
    own : mapping of str to str
        Digest of the file of each own feature, by its name.
    """

    windows_days: tuple[int, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    btyd_table: str = ""
    btyd_horizons_days: tuple[float, ...] = (90.0,)
    families: tuple[str, ...] = FAMILIES
    every_window: bool = False
    own: Mapping[str, str] = field(default_factory=dict)

    def keeps(self, family: str) -> bool:
        """Say whether a family gets columns."""
        return family in self.families

    @property
    def windows_us(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the windows in microseconds, the whole history last."""
        return np.array([*(days_to_us(days) for days in self.windows_days), NEVER], dtype=np.int64)

    @property
    def window_names(self) -> tuple[str, ...]:
        """Return the suffix of each window."""
        return (*(f"{days}d" for days in self.windows_days), "all")

    @property
    def few_windows(self) -> list[int]:
        """Return the places of the windows that means and levels get: all, or the longest and the second before it."""
        if self.every_window:
            return list(range(len(self.windows_days)))
        return list(range(len(self.windows_days) - 1, -1, -2))[:2][::-1]

    @property
    def extreme_windows(self) -> list[int]:
        """Return the places of the windows that extremes and spread get: all, or the longest."""
        return self.few_windows if self.every_window else self.few_windows[-1:]

    @property
    def mean_windows(self) -> list[int]:
        """Return the places of the windows that get means: those of levels, and the whole history."""
        return [*self.few_windows, len(self.windows_days)]

    def names_of(self, places: Sequence[int]) -> tuple[str, ...]:
        """Return the suffixes of some windows."""
        return tuple(self.window_names[place] for place in places)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FeaturePlan:
        """Read a plan back."""
        return cls(
            windows_days=tuple(value["windows_days"]),
            levels={name: tuple(levels) for name, levels in value["levels"].items()},
            btyd_table=value["btyd_table"],
            # A model from before there were several horizons was learned with one.
            btyd_horizons_days=tuple(value.get("btyd_horizons_days") or [value["btyd_horizon_days"]]),
            # A model from before there were these keys was learned with their defaults.
            families=tuple(value.get("families", (name for name in FAMILIES if name != "ratios"))),
            every_window=value.get("every_window", False),
            own=dict(value.get("own", {})),
        )


def level_counts(bucket: Bucket, history: History, *, known_by: int) -> dict[str, Counter[str]]:
    """Count the levels of the categories of a bucket's events among rows usable at ``known_by``."""
    counts: dict[str, Counter[str]] = {}
    for info in history.of_kind("events"):
        if not info.categories:
            continue
        usable = bucket.known_at(info.name) <= known_by
        if bucket.has_second_clock(info.name):
            usable &= bucket.known_until(info.name) > known_by
        for column in info.categories:
            codes, vocabulary = bucket.codes(info.name, column)
            times = np.bincount(codes[usable & (codes >= 0)], minlength=len(vocabulary))
            found = {level: int(n) for level, n in zip(vocabulary, times, strict=True) if n}
            counts[f"{info.name}.{column}"] = Counter(found)
    return counts


def is_enough(parts: Sequence[Mapping[str, Counter[str]]]) -> bool:
    """Return whether the customers counted so far tell every category's frequent levels: a million rows each."""
    total: Counter[str] = Counter()
    for part in parts:
        for name, counter in part.items():
            total[name] += sum(counter.values())
    return bool(total) and min(total.values()) >= _ENOUGH_ROWS


def choose_levels(
    parts: Sequence[Mapping[str, Counter[str]]], *, kept: int = 8, least_share: float = 0.01
) -> dict[str, tuple[str, ...]]:
    """Keep the frequent levels of each category: at most ``kept``, each in ``least_share`` of the rows or more.

    The counts must come from rows usable at the earliest observation date, so that no later row can add, drop or
    reorder a column.
    """
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for name, counter in part.items():
            total.setdefault(name, Counter()).update(counter)
    chosen = {}
    for name, counter in total.items():
        least = least_share * sum(counter.values())
        ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
        chosen[name] = tuple(level for level, n in ranked[:kept] if n >= least)
    return chosen
