"""Which features there are: generated from the roles of the tables, the windows, and levels known early enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.timeline import NEVER, days_to_us

__all__ = ["Feature", "FeaturePlan", "choose_levels", "level_counts"]

_KEPT_LEVELS = 8
_LEAST_SHARE = 0.01


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
    """

    name: str
    source: str
    family: str
    measure: str
    unit: str
    window_days: int | None = None
    detail: str = ""


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
    btyd_horizon_days : float
        Horizon of the expected purchases.
    """

    windows_days: tuple[int, ...]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    btyd_table: str = ""
    btyd_horizon_days: float = 90.0

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
        """Return the places of the windows that extremes and levels get: the longest, and every second before it."""
        return list(range(len(self.windows_days) - 1, -1, -2))[:2][::-1]

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
            btyd_horizon_days=value["btyd_horizon_days"],
        )


def level_counts(bucket: Bucket, history: History, *, known_by: int) -> dict[str, Counter[str]]:
    """Count the levels of the categories of a bucket's events among rows usable at ``known_by``."""
    counts: dict[str, Counter[str]] = {}
    for info in history.of_kind("events"):
        usable = bucket.known_at(info.name) <= known_by
        for column in info.categories:
            counted = pc.value_counts(bucket.categories(info.name, column).filter(pa.array(usable)))
            levels, times = counted.field(0).to_pylist(), counted.field(1).to_pylist()
            counts[f"{info.name}.{column}"] = Counter(dict(zip(levels, times, strict=True)))
    return counts


def choose_levels(parts: Sequence[Mapping[str, Counter[str]]]) -> dict[str, tuple[str, ...]]:
    """Keep the frequent levels of each category: at most eight, each in one of a hundred rows or more.

    The counts must come from rows usable at the earliest observation date, so that no later row can add, drop or
    reorder a column.
    """
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for name, counter in part.items():
            total.setdefault(name, Counter()).update(counter)
    kept = {}
    for name, counter in total.items():
        counter.pop(None, None)  # type: ignore[call-overload]
        least = _LEAST_SHARE * sum(counter.values())
        ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
        kept[name] = tuple(level for level, n in ranked[:_KEPT_LEVELS] if n >= least)
    return kept
