"""Own features: functions and SELECTs of the user, over rows the engine has restricted to those usable then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.errors import DataError, ModelError, TimeContractError
from churnml.features.columns import Columns
from churnml.features.own_python import PythonFeature
from churnml.features.own_rows import UsableRows
from churnml.features.own_sql import SqlFeature
from churnml.features.plan import Feature, FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.storage import digest_bytes

__all__ = ["OwnFeature", "learned_own", "own_digests", "own_features"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_TILE_ROWS = 500_000
"""Rows given at once; the snapshots of one date are cut into so many tiles."""
_CHECKED = 8
"""Snapshots of a bucket that are computed a second time, each alone."""


@dataclass(frozen=True, slots=True)
class OwnFeature:
    """One feature of the user.

    Parameters
    ----------
    name : str
        The column is called ``own_<name>``.
    tables : tuple of str
        Tables whose usable rows it reads.
    file : str
        As the user wrote it, for messages.
    code : bytes
        What the file holds.
    function : str
        Function of the file; empty = the file is one SELECT.
    unit : str
        As in :class:`~churnml.features.plan.Feature`.
    meaning : mapping of str to str
        Language -> phrase.
    key : str
        Key path in ``params.yaml``, for messages.
    """

    name: str
    tables: tuple[str, ...]
    file: str
    code: bytes
    function: str
    unit: str
    meaning: Mapping[str, str]
    key: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what decides the values: code, function, tables."""
        return digest_bytes(json.dumps([self.function, self.tables, digest_bytes(self.code)]).encode())

    @property
    def feature(self) -> Feature:
        """Return the description of the column."""
        meaning = tuple(sorted(self.meaning.items()))
        return Feature(f"own_{self.name}", "+".join(self.tables), "own", self.name, self.unit, meaning=meaning)


class _Calculator(Protocol):
    def values(self, tables: dict[str, pa.Table], t: int, n_snapshots: int) -> Floats: ...


def own_digests(own: Sequence[OwnFeature]) -> dict[str, str]:
    """Return name -> digest, as a plan keeps them."""
    return {one.name: one.digest for one in own}


def learned_own(plan: FeaturePlan, own: Sequence[OwnFeature]) -> tuple[OwnFeature, ...]:
    """Return the own features of a plan; those that came later are left out.

    Raises
    ------
    ModelError
        If the file of one has changed, or it was taken out.
    """
    given = {one.name: one for one in own}
    for name, digest in sorted(plan.own.items()):
        if name not in given or given[name].digest != digest:
            raise ModelError(
                f"the model was trained with another version of the own feature {name}",
                rule="model.own_changed",
                file=given[name].file if name in given else None,
                column="features.own",
                next_step="Put the file and features.own back as they were, or train again.",
            )
    return tuple(one for one in own if one.name in plan.own)


def own_features(
    bucket: Bucket, entries: Bucket, history: History, own: Sequence[OwnFeature], customer: Int64s, dates: Int64s
) -> Columns:
    """Return the own features of some snapshots.

    The rows of one observation date are given together, so that nothing known later is in reach, and some snapshots
    are computed again alone: a value may depend on nothing but its own rows.

    Parameters
    ----------
    bucket : Bucket
    entries : Bucket
        Bucket 0, which holds calendar tables.
    history : History
    own : sequence of OwnFeature
    customer, dates : ndarray of int64, shape (n_rows,)
        Snapshots: number of the customer in the bucket, and the observation date.

    Raises
    ------
    ConfigError
        If a function or SELECT cannot be run, or returns something else than numbers.
    DataError
        If a value is infinite.
    TimeContractError
        If a value depends on chance, the clock, or other snapshots.
    """
    columns = Columns("own", len(dates))
    opened: dict[str, UsableRows] = {}
    for one in own:
        for name in one.tables:
            if name not in opened:
                opened[name] = UsableRows(bucket, entries, history.tables[name])
        rows = {name: opened[name] for name in one.tables}
        values = _values(one, _calculator(one), rows, customer, dates)
        _check_alone(one, rows, customer, dates, values)
        columns.features.append(one.feature)
        columns.values[one.feature.name] = values.astype(np.float32)
    return columns


def _calculator(one: OwnFeature) -> _Calculator:
    return PythonFeature(one) if one.function else SqlFeature(one)


def _values(
    one: OwnFeature, calculator: _Calculator, rows: Mapping[str, UsableRows], customer: Int64s, dates: Int64s
) -> Floats:
    values = np.full(len(dates), np.nan)
    for tile in _tiles(rows, customer, dates):
        t = int(dates[tile[0]])
        tables = {name: table.at(t, customer[tile]) for name, table in rows.items()}
        values[tile] = calculator.values(tables, t, len(tile))
    with np.errstate(over="ignore"):
        n_infinite = int(np.isinf(values.astype(np.float32)).sum())
    if n_infinite:
        raise DataError(
            f"the own feature {one.name} gives infinite values",
            rule="data.own_infinite",
            file=one.file,
            column=one.key,
            count=n_infinite,
            next_step="Return None (SQL: NULL) where there is no value, for example before dividing by zero.",
        )
    return values


def _tiles(rows: Mapping[str, UsableRows], customer: Int64s, dates: Int64s) -> Iterator[npt.NDArray[np.intp]]:
    """Yield places of snapshots of one date, of at most so many rows together, or of one snapshot."""
    order = np.argsort(dates, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(dates[order])) + 1):
        if len(members):
            so_far = np.cumsum(sum(table.most(customer[members]) for table in rows.values()))
            yield from np.split(members, np.flatnonzero(np.diff(so_far // _TILE_ROWS)) + 1)


def _check_alone(
    one: OwnFeature, rows: Mapping[str, UsableRows], customer: Int64s, dates: Int64s, values: Floats
) -> None:
    """Compute some snapshots again, each alone, by a function loaded anew: those with most rows, and some others."""
    if not len(dates):
        return
    n_rows = np.asarray(sum(table.most(customer) for table in rows.values()))
    others = np.linspace(0, len(dates) - 1, _CHECKED // 2).astype(np.intp)
    chosen = np.unique(np.concatenate([np.argsort(-n_rows, kind="stable")[: _CHECKED // 2], others]))
    calculator = _calculator(one)
    again = np.concatenate([_values(one, calculator, rows, customer[[i]], dates[[i]]) for i in chosen])
    n_other = int((~np.isclose(again, values[chosen], rtol=1e-6, atol=1e-9, equal_nan=True)).sum())
    if n_other:
        raise TimeContractError(
            f"the own feature {one.name} gives another value when a snapshot is computed again alone",
            rule="time.own_not_alone",
            file=one.file,
            column=one.key,
            count=n_other,
            next_step="A value may depend on its own rows only: not on chance, the clock, the number of the snapshot, "
            "earlier calls or other customers (SQL: group and join by snapshot).",
        )
