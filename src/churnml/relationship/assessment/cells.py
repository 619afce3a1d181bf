"""Each figure for everybody and for every group: now, before, the change, with intervals, small groups held back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.relationship.assessment.figures import Figure
from churnml.relationship.assessment.groups import Way
from churnml.relationship.assessment.rounding import rounded
from churnml.relationship.intervals import (
    NOTHING,
    Grouped,
    Range,
    change_of_shares,
    quantile_range,
    resampled_sums,
    share_range,
)
from churnml.relationship.small_cells import hidden_cells

__all__ = ["HIDDEN", "N_REPETITIONS", "Side", "Terms", "figure_cells", "in_money"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Cell = dict[str, Any]
N_REPETITIONS = 500
"""How often customers are drawn anew."""
HIDDEN: Cell = {"hidden": True}
"""What stands for a figure that is held back; nothing of it is in any file."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How figures are computed.

    Parameters
    ----------
    days : int
        Length of a period.
    minimum : int
        Fewest customers that are shown.
    confidence : float
    n_repetitions, seed : int
        Of the resampling.
    """

    days: int
    minimum: int = 10
    confidence: float = 0.95
    n_repetitions: int = N_REPETITIONS
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Side:
    """A period's columns and the ways to part its customers.

    Parameters
    ----------
    columns : mapping of str to ndarray of int64, shape (n_customers,)
    ways : sequence of Way
    rank : ndarray of int64, shape (n_customers,)
        Place of each customer by id: who is drawn anew must not depend on where a customer is stored.
    """

    columns: Mapping[str, Int64s]
    ways: Sequence[Way]
    rank: Int64s

    @property
    def everybody(self) -> Way:
        """Return the way that parts nobody."""
        base = self.columns["base"]
        return Way("all", ("all",), np.where(base > 0, 0, -1).astype(np.int64))

    def way(self, name: str) -> Way | None:
        """Return a way by its name."""
        return next((way for way in (self.everybody, *self.ways) if way.name == name), None)


def figure_cells(
    figures: Sequence[Figure], now: Side, before: Side | None, terms: Terms
) -> dict[str, dict[str, dict[str, Cell]]]:
    """Return figure -> way -> level -> cell; the way ``all`` has the one level ``all``.

    Parameters
    ----------
    figures : sequence of Figure
    now, before : Side
        The same customers in the same order; before is None where there is no earlier period.
    terms : Terms
    """
    rows = _customers(now, before)
    drawn = _draw(figures, now, rows, terms), None if before is None else _draw(figures, before, rows, terms)
    found: dict[str, dict[str, dict[str, Cell]]] = {}
    for at, figure in enumerate(figures):
        old = None if before is None else _Counted(figure, before, terms, at, drawn[1] or {})
        new = _Counted(figure, now, terms, at, drawn[0])
        found[figure.name] = {
            way.name: {level: _cell(new, old, way.name, level, terms) for level in way.levels}
            for way in (now.everybody, *now.ways)
        }
    return found


def _customers(now: Side, before: Side | None) -> Int64s:
    """Return the customers of either period, by id; others, who may have come since, do not change who is drawn."""
    inside = now.columns["base"] > 0
    if before is not None:
        inside = inside | (before.columns["base"] > 0)
    rows = np.flatnonzero(inside)
    ordered: Int64s = rows[np.argsort(now.rank[rows])]
    return ordered


def _draw(figures: Sequence[Figure], side: Side, rows: Int64s, terms: Terms) -> dict[str, Floats]:
    """Return resampled sums of every figure by way: shape (n_repetitions, n_levels, 2 * n_figures)."""
    columns = [part[rows] for f in figures for part in (f.counted(side.columns), side.columns[f.base])]
    matrix = np.column_stack(columns).astype(np.float64)
    ways = [side.everybody, *side.ways]
    tables = [Grouped(matrix, way.codes[rows], len(way.levels)) for way in ways]
    sums = resampled_sums(tables, n_repetitions=terms.n_repetitions, seed=terms.seed)
    return {way.name: part for way, part in zip(ways, sums, strict=True)}


class _Counted:
    """One figure of one period, by way and level."""

    def __init__(self, figure: Figure, side: Side, terms: Terms, at: int, drawn: Mapping[str, Floats]) -> None:
        self.figure = figure
        self._side = side
        self._at = at
        self._drawn = drawn
        self._factor = figure.factor(days=terms.days)
        self._top, self._base = figure.counted(side.columns), side.columns[figure.base]
        self._hidden = _held_back(figure, side, minimum=terms.minimum)

    def has(self, way: str, level: str) -> bool:
        found = self._side.way(way)
        return found is not None and level in found.levels

    def is_hidden(self, way: str, level: str) -> bool:
        return (way, level) in self._hidden

    def counts(self, way: str, level: str) -> tuple[int, int, int]:
        """Return the sum, what it is divided by, and how many customers are behind it."""
        one = self._side.way(way)
        if one is None:
            return 0, 0, 0
        chosen = one.codes == one.levels.index(level)
        base = self._base[chosen]
        return int(self._top[chosen].sum()), int(base.sum()), int((base > 0).sum())

    def value(self, top: int, base: int) -> float | None:
        return None if base == 0 else top / base * self._factor

    def drawn(self, way: str, level: str) -> Floats:
        """Return the resampled figure, shape (n_repetitions,)."""
        one = self._side.way(way)
        if one is None:
            return np.array([np.nan])
        sums = self._drawn[way][:, one.levels.index(level), 2 * self._at : 2 * self._at + 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: Floats = np.where(sums[:, 1] > 0, sums[:, 0] / sums[:, 1], np.nan) * self._factor
        return ratio


def _held_back(figure: Figure, side: Side, *, minimum: int) -> set[tuple[str, str]]:
    """Return way and level of what is hidden: groups of few customers, and what would give them away."""
    ways = [side.everybody, *side.ways]
    inside = side.columns[figure.base] > 0
    names = [(way.name, level) for way in ways for level in way.levels]
    members = np.column_stack([way.codes[inside] == at for way in ways for at in range(len(way.levels))])
    families, first = {}, 0
    for way in ways:
        families[way.name] = list(range(first, first + len(way.levels)))
        first += len(way.levels)
    hidden = hidden_cells(members, families, minimum=minimum)
    if figure.name == "response":
        # Who answered is a group too: a rate of few answers would tell how many they are.
        answered = members[side.columns["responded"][inside] > 0]
        hidden |= hidden_cells(answered, families, minimum=minimum)
    return {name for name, is_hidden in zip(names, hidden, strict=True) if is_hidden}


def _cell(new: _Counted, old: _Counted | None, way: str, level: str, terms: Terms) -> Cell:
    if new.is_hidden(way, level):
        return dict(HIDDEN)
    top, base, customers = new.counts(way, level)
    cell: Cell = {"n": base, "count": top, "customers": customers, "value": rounded(new.value(top, base))}
    drawn = new.drawn(way, level)
    is_share, confidence = new.figure.is_share, terms.confidence
    around = share_range(top, base, confidence=confidence) if is_share else _around(drawn, base, confidence)
    cell |= {"low": rounded(around.low), "high": rounded(around.high)}
    if old is None or not old.has(way, level):
        return cell
    if old.is_hidden(way, level):
        return cell | {"previous": dict(HIDDEN)}
    top0, base0, customers0 = old.counts(way, level)
    before = old.value(top0, base0)
    cell["previous"] = {"n": base0, "count": top0, "customers": customers0, "value": rounded(before)}
    if cell["value"] is None or before is None:
        return cell
    if is_share:
        moved = change_of_shares(top, base, top0, base0, confidence=confidence)
    else:
        moved = _around(drawn - old.drawn(way, level), min(base, base0), confidence)
    change = top / base * new._factor - before
    beyond = bool(np.isfinite(moved.low) and (moved.low > 0 or moved.high < 0))
    return cell | {
        "change": rounded(change),
        "change_low": rounded(moved.low),
        "change_high": rounded(moved.high),
        "beyond_noise": beyond,
    }


def _around(drawn: Floats, base: int, confidence: float) -> Range:
    return NOTHING if base == 0 else quantile_range(drawn, confidence=confidence)


def in_money(figure: Figure, cells: dict[str, dict[str, Cell]]) -> dict[str, dict[str, Cell]]:
    """Return the cells with sums of money as decimal texts instead of ten-thousandths."""
    if not figure.money:
        return cells

    def told(cell: Cell) -> Cell:
        changed = {key: money_text(cell[key]) for key in figure.money if key in cell}
        before = cell.get("previous")
        return {**cell, **changed, **({"previous": told(before)} if before else {})}

    return {way: {level: told(cell) for level, cell in levels.items()} for way, levels in cells.items()}


def money_text(units: int) -> str:
    """Return ten-thousandths of the currency unit as a decimal text with at least two places.

    Examples
    --------
    >>> money_text(1_234_500), money_text(-1)
    ('123.45', '-0.0001')
    """
    text = f"{Decimal(units) / 10_000:.4f}"
    return text[:-2] if text.endswith("00") else text.removesuffix("0")
