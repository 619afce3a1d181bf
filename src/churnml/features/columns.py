"""Columns under construction: a feature's description beside its values, in the order they are generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.families import FAMILIES
from churnml.features.plan import Feature

__all__ = ["Arena", "Columns", "slug"]

Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
_LINE = 16
"""Numbers of single precision in one line of the processor's cache."""


@cache
def slug(text: str) -> str:
    """Return a text as part of a feature name: letters and digits of any script, the rest underscores.

    Examples
    --------
    >>> slug("Small business (UK)")
    'Small_business_UK'
    """
    return "_".join("".join(c if c.isalnum() else " " for c in text).split()) or "blank"


def _aligned(n: int) -> Float32s:
    """Return memory for ``n`` numbers that begins with a line of the processor's cache."""
    memory = np.empty(n + _LINE, dtype=np.float32)
    begin = -(memory.ctypes.data // memory.itemsize) % _LINE
    return memory[begin : begin + n]


class Arena:
    """Memory for the blocks of one tile after the other: getting it anew would cost more than filling it.

    What was taken is overwritten after the next :meth:`clear`.
    """

    def __init__(self) -> None:
        self._memory = _aligned(0)
        self._used = 0

    def clear(self) -> None:
        """Take all memory back."""
        self._used = 0

    def take(self, n_columns: int, n_rows: int) -> Float32s:
        """Return a block, shape (n_columns, n_rows), with arbitrary content."""
        begin, self._used = self._used, self._used + n_columns * n_rows
        if self._used > len(self._memory):
            # Blocks taken before keep the memory they came from.
            self._memory = _aligned(2 * self._used)
            begin, self._used = 0, n_columns * n_rows
        return self._memory[begin : self._used].reshape(n_columns, n_rows)


@dataclass(slots=True)
class Columns:
    """Features of one source and their values.

    A compiled sweep fills many columns at once: they are reserved first, then :meth:`allocate` makes their common
    block, whose rows are the columns.

    Parameters
    ----------
    source : str
        Table the features come from.
    n_rows : int
        Number of snapshots.
    families : frozenset of str
        Families wanted; others are computed only where something wanted follows from them.
    arena : Arena, optional
        Where blocks come from; by default each is memory of its own.
    """

    source: str
    n_rows: int
    families: frozenset[str] = frozenset(FAMILIES)
    arena: Arena | None = None
    features: list[Feature] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    _hidden: set[str] = field(default_factory=set)
    _taken: set[str] = field(default_factory=set)
    _reserved: list[str] = field(default_factory=list)

    def wants(self, *families: str) -> bool:
        """Return whether any of some families is wanted."""
        return not self.families.isdisjoint(families)

    def empty(self, *shape: int, fill: float = np.nan) -> npt.NDArray[np.float64]:
        """Return an output array of the given shape behind ``n_rows``."""
        return np.full((self.n_rows, *shape), fill, dtype=np.float64)

    @property
    def visible(self) -> list[tuple[Feature, Any]]:
        """Return the wanted features with their values, in order."""
        return [(feature, self.values[feature.name]) for feature in self.features if feature.name not in self._hidden]

    def add(
        self,
        measure: str,
        values: npt.NDArray[Any] | pa.Array,
        *,
        family: str,
        unit: str,
        detail: str = "",
        suffix: str = "",
        window_days: int | None = None,
        word: str = "",
    ) -> None:
        """Add one feature named ``<source>_<detail>_<measure>_<suffix>``, empty parts left out.

        A name that is already taken gets a number behind it. A feature of a family that is not wanted is not added.
        """
        if self.wants(family):
            name = self._describe(measure, family, unit, detail, suffix, window_days, word)
            is_arrow = isinstance(values, pa.Array | pa.ChunkedArray)
            self.values[name] = values if is_arrow else values.astype(np.float32, copy=False)

    def add_windows(
        self,
        measure: str,
        values: npt.NDArray[Any],
        names: tuple[str, ...],
        *,
        family: str,
        unit: str,
        detail: str = "",
    ) -> None:
        """Add one feature per window from an array of shape (n_rows, n_windows)."""
        for w, name in enumerate(names):
            days = _window_days(name)
            self.add(measure, values[:, w], family=family, unit=unit, detail=detail, suffix=name, window_days=days)

    def reserve(
        self,
        measure: str,
        *,
        family: str,
        unit: str,
        detail: str = "",
        suffix: str = "",
        needed: bool = False,
    ) -> int:
        """Reserve one column of the next block and return its row there; -1 = neither wanted nor needed.

        Parameters
        ----------
        measure, family, unit, detail, suffix
            As for :meth:`add`.
        needed : bool
            Whether something wanted follows from it.
        """
        wanted = self.wants(family)
        if not wanted and not needed:
            return -1
        name = self._describe(measure, family, unit, detail, suffix, _window_days(suffix), "")
        if not wanted:
            self._hidden.add(name)
        self._reserved.append(name)
        return len(self._reserved) - 1

    def reserve_windows(
        self,
        measure: str,
        names: tuple[str, ...],
        windows: Sequence[int],
        *,
        family: str,
        unit: str,
        detail: str = "",
        needed: bool = False,
    ) -> Int32s:
        """Reserve a column for some of the windows; returns the row of each window, shape (n_windows,), -1 = none."""
        places = np.full(len(names), -1, dtype=np.int32)
        for w in windows:
            places[w] = self.reserve(measure, family=family, unit=unit, detail=detail, suffix=names[w], needed=needed)
        return places

    def allocate(self) -> Float32s:
        """Return the block of the columns reserved since the last one, shape (n_reserved, >= n_rows), not yet filled.

        Each column begins with a line of the processor's cache, and an odd number of lines after the one before: a
        sweep writes one row of all of them after the other, and they must not get in each other's way.
        """
        lines = -(-self.n_rows // _LINE) | 1
        block = (self.arena or Arena()).take(len(self._reserved), lines * _LINE)
        for row, name in enumerate(self._reserved):
            self.values[name] = block[row, : self.n_rows]
        self._reserved = []
        return block

    def _describe(
        self, measure: str, family: str, unit: str, detail: str, suffix: str, window_days: int | None, word: str
    ) -> str:
        name = "_".join(part for part in (self.source, slug(detail) if detail else "", measure, suffix) if part)
        taken, number = name, 2
        while taken in self._taken:
            taken, number = f"{name}_{number}", number + 1
        self._taken.add(taken)
        self.features.append(_feature(taken, self.source, family, word or measure, unit, window_days, detail))
        return taken


# A table is described anew for every tile; the descriptions are the same.
_feature = cache(Feature)


@cache
def _window_days(name: str) -> int | None:
    """Return the length of a window from the suffix it gives to names; None = whole history or no window."""
    return int(name[:-1]) if name.endswith("d") and name[:-1].isdigit() else None
