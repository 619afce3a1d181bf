"""Attributes that describe the customer as of the extraction, not as of the observation date.

A column of the customers table has no date. Where it moves with something that has dates (the plan of the newest
contract, orders so far, days since the last order), it holds what happened after the observation date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import rankdata

from churnml.features.plan import Feature
from churnml.timeline import us_to_iso
from churnml.verification.evidence import Column, column_of
from churnml.verification.findings import Finding

__all__ = ["Observed", "check_told", "check_undated"]

Floats = npt.NDArray[np.float64]
_LEAST_CHANGED = 20
_FOLLOWS = 0.9
_STAYS = 0.1
_LEAST_ROWS = 100
_STRONG = 0.8
_GAIN = 0.25
_EQUAL = 0.97
_LEAST_UNEXPLAINED = 0.05
_LEVELS_PER_ROW = 20


@dataclass(frozen=True)
class Observed:
    """Features of the same customers at two dates, rows in the same order.

    Parameters
    ----------
    then, now : pyarrow.Table
        At an earlier date and at ``as_of``; customers known at the earlier one.
    date : int
        The earlier date.
    """

    then: pa.Table
    now: pa.Table
    date: int


def check_undated(
    attributes: Mapping[str, pa.Array],
    observed: Sequence[Observed],
    features: Sequence[Feature],
    *,
    file: str,
    constant: Sequence[str] = (),
) -> tuple[list[Finding], int]:
    """Return the attributes that hold the newest value of something that has dates.

    Parameters
    ----------
    attributes : mapping of str to pyarrow.Array
        By column, rows as in every ``observed``.
    observed : sequence of Observed
    features : sequence of Feature
        Those made of dated tables, calendars and own ones left out: they may be made of attributes.
    file : str
        Of the customers table.
    constant : sequence of str
        Columns declared never to change: they are passed over.

    Returns
    -------
    findings : list of Finding
        At most one an attribute.
    n_compared : int
        Pairs of an attribute and a dated feature.
    """
    found: dict[str, Finding] = {}
    n_compared = 0
    for pair in observed:
        ranked = _Ranks(pair, features)
        for name, values in attributes.items():
            if name in found or name in constant:
                continue
            column = column_of(values)
            n_compared += len(ranked.names) + len(ranked.told)
            finding = _follows(name, values, column, pair, ranked, file) or _moves(name, column, pair, ranked, file)
            if finding is not None:
                found[name] = finding
    return list(found.values()), n_compared


def check_told(
    observed: Sequence[Observed], features: Sequence[Feature], *, files: Mapping[str, str]
) -> tuple[list[Finding], int]:
    """Return the columns of dated tables whose rows were written anew later: the row of then goes with today.

    What the last row known at the earlier date says is judged like an attribute, beside all features that are not made
    of the same column.

    Parameters
    ----------
    observed : sequence of Observed
    features : sequence of Feature
        Those made of dated tables, and own ones: a file of its own tells a function what comes after.
    files : mapping of str to str
        File by table.

    Returns
    -------
    findings : list of Finding
        At most one a column.
    n_compared : int
        Pairs of a column and a feature.
    """
    found: dict[str, Finding] = {}
    n_compared = 0
    told = [f for f in features if f.family == "own" or (f.measure == "last" and f.detail)]
    honest = [f for f in features if f.family not in {"own", "ratios"} and f.unit != "category"]
    for pair in observed:
        for feature in told:
            if feature.name in found or feature.name not in pair.then.column_names:
                continue
            stem = feature.name.removesuffix("last")
            others = [f for f in honest if not f.name.startswith(stem)]
            ranked = _Ranks(pair, others)
            n_compared += len(ranked.names)
            column = column_of(pair.then[feature.name])
            name = feature.name if feature.family == "own" else feature.detail
            finding = _moves(name, column, pair, ranked, files.get(feature.source, "data/features"))
            if finding is not None:
                found[feature.name] = replace(finding, rule="time.rows_rewritten")
    return list(found.values()), n_compared


class _Ranks:
    """Features of both dates as centred ranks: a correlation is then one product."""

    def __init__(self, pair: Observed, features: Sequence[Feature]) -> None:
        present = [f for f in features if f.name in pair.then.column_names and f.name in pair.now.column_names]
        numbers = [f.name for f in present if f.unit != "category"]
        self.told = [f.name for f in present if f.unit == "category" and f.measure == "last"]
        self.steps = [f.name for f in present if f.measure in {"last", "amount_now"} and f.unit != "category"]
        now, then = (_matrix(table, numbers) for table in (pair.now, pair.then))
        moved = [place for place in range(len(numbers)) if not np.array_equal(now[place], then[place], equal_nan=True)]
        self.names = [numbers[place] for place in moved]
        self.now = [_centred(now[place]) for place in moved]
        # What an attribute could know at the earlier date includes what did not change since.
        self.then = [_centred(row) for row in then]

    def best(self, rows: Sequence[Floats], column: Column) -> tuple[float, int]:
        """Return the strongest association of an attribute with any of some ranks (0 to 1), and with which."""
        strengths = [_association(column, row) for row in rows]
        return (max(strengths), int(np.argmax(strengths))) if strengths else (0.0, -1)


def _matrix(table: pa.Table, names: Sequence[str]) -> list[Floats]:
    return [table[name].cast(pa.float64()).to_numpy() for name in names]


def _centred(values: Floats) -> Floats:
    ranks: Floats = rankdata(np.where(np.isnan(values), -np.inf, values))
    centred: Floats = ranks - ranks.mean()
    return centred


def _association(column: Column, ranks: Floats) -> float:
    """Return how much of the ranks the attribute explains, as a correlation: by its values, else by its levels."""
    total = float(ranks @ ranks)
    if total == 0:
        return 0.0
    best = 0.0
    if column.number is not None:
        own = _centred(column.number)
        norm = float(own @ own)
        best = abs(float(own @ ranks)) / np.sqrt(norm * total) if norm > 0 else 0.0
    code = column.code - column.code.min()
    n_levels = int(code.max()) + 1
    if 1 < n_levels <= max(2, len(ranks) / _LEVELS_PER_ROW):
        count = np.bincount(code, minlength=n_levels)
        sums = np.bincount(code, weights=ranks, minlength=n_levels)
        between = float((sums[count > 0] ** 2 / count[count > 0]).sum())
        # Levels explain something by chance alone: (levels - 1) of (rows - 1) parts.
        by_chance = (n_levels - 1) / (len(ranks) - 1)
        best = max(best, float(np.sqrt(max(0.0, (between / total - by_chance) / (1 - by_chance)))))
    return float(min(best, 1.0))


def _follows(name: str, values: pa.Array, column: Column, pair: Observed, ranked: _Ranks, file: str) -> Finding | None:
    """Judge by those whose dated value changed whether the attribute holds the new value or the old one."""
    text = values.cast(pa.string())
    for feature in ranked.told:
        then, now = (t[feature].cast(pa.string()).combine_chunks() for t in (pair.then, pair.now))
        changed = pc.fill_null(pc.not_equal(then, now), False)
        new = pc.fill_null(pc.equal(text, now), False)
        old = pc.fill_null(pc.equal(text, then), False)
        finding = _verdict(name, feature, pair, file, *(c.to_numpy(zero_copy_only=False) for c in (changed, new, old)))
        if finding is not None:
            return finding
    if column.number is None:
        return None
    for feature in ranked.steps:
        before, after = (t[feature].cast(pa.float64()).to_numpy() for t in (pair.then, pair.now))
        changed = ~np.isnan(before) & ~np.isnan(after) & ~np.isclose(before, after, rtol=1e-4, atol=0.005)
        new = np.isclose(column.number, after, rtol=1e-4, atol=0.005)
        old = np.isclose(column.number, before, rtol=1e-4, atol=0.005)
        finding = _verdict(name, feature, pair, file, changed, new, old)
        if finding is not None:
            return finding
    return None


def _verdict(
    name: str,
    feature: str,
    pair: Observed,
    file: str,
    changed: npt.NDArray[np.bool_],
    new: npt.NDArray[np.bool_],
    old: npt.NDArray[np.bool_],
) -> Finding | None:
    n_changed = int(changed.sum())
    if n_changed < _LEAST_CHANGED or new[changed].mean() < _FOLLOWS or old[changed].mean() > _STAYS:
        return None
    n_new = int(new[changed].sum())
    return Finding(
        "time.not_dated", "error", name, file, n=n_new, of=n_changed, date=us_to_iso(pair.date), detail=feature
    )


def _moves(name: str, column: Column, pair: Observed, ranked: _Ranks, file: str) -> Finding | None:
    """Judge by association: with a feature of today it is strong, and with none of what was known then."""
    if pair.now.num_rows < _LEAST_ROWS or not ranked.names:
        return None
    today, place = ranked.best(ranked.now, column)
    if today < _STRONG:
        return None
    then, _ = ranked.best(ranked.then, column)
    gain = today**2 - then**2
    is_nearly_equal = today >= _EQUAL and 1 - then**2 >= max(_LEAST_UNEXPLAINED, 3 * (1 - today**2))
    if gain < _GAIN and not is_nearly_equal:
        return None
    feature, date = ranked.names[place], us_to_iso(pair.date)
    return Finding("time.moves_with_today", "error", name, file, value=today, date=date, detail=feature)
