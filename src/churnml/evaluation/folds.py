"""Folds of row numbers, and the rows they name in one fixed order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError
from churnml.estimators.matrix import KEYS
from churnml.timeline import days_to_us

__all__ = ["Fold", "LearningRows", "OrderedRows"]

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def _none() -> Rows:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Fold:
    """One cut-off of a backtest: which rows of the feature table play which part.

    Parameters
    ----------
    name : str
        ISO date of the cut-off, or ``fold-1`` and so on for tables without time.
    train, valid, test : ndarray of int64
        Row numbers. ``valid`` is later than ``train`` and may be empty: then customers are held out in turn.
        ``test`` is later than both; empty for the final model.
    between : ndarray of int64, optional
        Rows whose outcome was open at the date of ``valid`` but settled before ``test``: used for the final trees
        and by the simple rules, never for stopping or calibration.
    light : ndarray of int64, optional
        Rows, of whatever part, that count only ``light_weight`` when learned from.
    light_weight : float, optional
    """

    name: str
    train: Rows
    valid: Rows = field(default_factory=_none)
    test: Rows = field(default_factory=_none)
    between: Rows = field(default_factory=_none)
    light: Rows = field(default_factory=_none)
    light_weight: float = 1.0


@dataclass(frozen=True)
class LearningRows:
    """The rows a model and the rules beside it learn from, in one fixed order.

    Parameters
    ----------
    table : pa.Table
        Features.
    y : ndarray, shape (n_rows,)
        Outcomes.
    valid, between : ndarray of bool, shape (n_rows,), or None
        Parts of the fold; None where empty.
    weight : ndarray, shape (n_rows,), or None
        More for newer observation dates; None where all are equal.
    customers : ndarray of int64, shape (n_rows,)
        Number of each row's customer.
    dates : ndarray of int64, shape (n_rows,), or None
        Observation dates; None where there are none.
    """

    table: pa.Table
    y: Floats
    valid: Mask | None
    between: Mask | None
    weight: Floats | None
    customers: Rows
    dates: Rows | None = None


@dataclass(frozen=True)
class OrderedRows:
    """A feature table with its outcomes, sorted by (observation date, customer).

    LightGBM's result depends on the order of rows; sorting here makes the delivered order irrelevant.
    """

    table: pa.Table
    y: Floats
    place: Rows
    customers: Rows

    @classmethod
    def of(cls, features: pa.Table, y: npt.ArrayLike) -> Self:
        """Sort.

        Raises
        ------
        DataError
            If there are no rows, outcomes differ from the table in length, or a row comes twice.
        """
        outcome = np.asarray(y, dtype=np.float64)
        if features.num_rows == 0:
            raise DataError("no rows to learn from", rule="data.no_rows", count=0)
        if outcome.shape != (features.num_rows,):
            raise DataError("features and outcomes differ in length", rule="data.length", count=outcome.size)
        keys = [name for name in reversed(KEYS) if name in features.column_names]
        order = pc.sort_indices(features, sort_keys=[(name, "ascending") for name in keys]).to_numpy()
        _refuse_twins(features.select(keys).take(order))
        place = np.empty(order.size, dtype=np.int64)
        place[order] = np.arange(order.size)
        table = features.take(order)
        ids = table.column("customer_id").combine_chunks()
        ranks = pc.rank(ids, tiebreaker="dense").to_numpy().astype(np.int64) - 1
        return cls(table, outcome[order], place, ranks)

    def rows(self, numbers: Rows) -> Rows:
        """Return the places, ascending, of rows numbered as in the delivered table."""
        return np.sort(self.place[np.asarray(numbers, dtype=np.int64)])

    def learning(self, fold: Fold, *, half_life_days: float | None) -> LearningRows:
        """Return what a fold learns from.

        Parameters
        ----------
        fold : Fold
            Its ``train``, ``valid`` and ``between`` rows.
        half_life_days : float or None
            A row this much older than the newest counts half; None: all count the same.
        """
        parts = [self.rows(part) for part in (fold.train, fold.valid, fold.between)]
        chosen = np.sort(np.concatenate(parts))
        if np.any(chosen[1:] == chosen[:-1]):
            raise DataError("a row plays two parts in a fold", rule="data.fold_overlap", column=fold.name)
        valid, between = (np.isin(chosen, part) if part.size else None for part in parts[1:])
        table = self.table.take(chosen)
        has_dates = "observation_date" in table.column_names
        dates = table.column("observation_date").cast(pa.int64()).to_numpy() if has_dates else None
        weight = _weights(dates, half_life_days=half_life_days)
        if np.isin(chosen, self.rows(fold.light)).any():
            light = np.where(np.isin(chosen, self.rows(fold.light)), fold.light_weight, 1.0)
            weight = light if weight is None else weight * light
        return LearningRows(table, self.y[chosen], valid, between, weight, self.customers[chosen], dates)


def _weights(dates: Rows | None, *, half_life_days: float | None) -> Floats | None:
    if half_life_days is None or dates is None:
        return None
    age = (dates.max() - dates) / days_to_us(half_life_days)
    return np.asarray(0.5**age, dtype=np.float64) if age.max() > 0 else None


def _refuse_twins(keys: pa.Table) -> None:
    same = np.ones(max(keys.num_rows - 1, 0), dtype=np.bool_)
    for column in keys.columns:
        same &= pc.equal(column.slice(1), column.slice(0, keys.num_rows - 1)).to_numpy()
    if same.any():
        raise DataError(
            "rows that share customer and observation date", rule="data.twin_rows", count=int(np.count_nonzero(same))
        )
