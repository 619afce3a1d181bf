"""Everything the report needs of one period, for all customers in one fixed order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.conform import MONEY_UNITS, category_column
from churnml.relationship.assessment.cells import Side
from churnml.relationship.assessment.groups import Way, buyers, coded, cohorts, tiers
from churnml.relationship.customers import Subject, period_rows
from churnml.relationship.period import Period

__all__ = ["Customers", "Population", "Run", "customers_of", "gather"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Result = TypeVar("Result")
Run = Callable[[Callable[[int], Any]], Sequence[Any]]
"""Calls a function with the number of each bucket and returns the results in their order."""
_NOT_COUNTS = ("first_us",)


@dataclass(frozen=True, slots=True)
class Population:
    """Whom the report is about.

    Parameters
    ----------
    column, value : str
        Customers whose category has this level; empty column = all.
    buyers : {"any", "repeat", "one_time"}
        By purchases before the churn date.
    """

    column: str = ""
    value: str = ""
    buyers: str = "any"


@dataclass(frozen=True)
class Customers:
    """What does not change from period to period.

    Parameters
    ----------
    ids : pyarrow.ChunkedArray
    attributes : mapping of str to ndarray of object
        Category -> level of each customer, None = not known.
    is_listed : ndarray of bool
        Who is in the customers table.
    clv, p_churn, at_risk : ndarray of float64
        Scores at ``as_of``, the last one value at risk; NaN where there are none.
    """

    ids: pa.ChunkedArray
    attributes: Mapping[str, npt.NDArray[np.object_]]
    is_listed: Bools
    clv: Floats
    p_churn: Floats
    at_risk: Floats

    @cached_property
    def rank(self) -> Int64s:
        """Return the place of each customer by id."""
        place = np.empty(len(self.ids), dtype=np.int64)
        place[pc.sort_indices(self.ids).to_numpy()] = np.arange(len(self.ids))
        return place


def customers_of(subject: Subject, run: Run, *, columns: Sequence[str], scores: pa.Table | None) -> Customers:
    """Return all customers in the order of the buckets, with the categories and scores asked for.

    Parameters
    ----------
    subject : Subject
    run : callable
    columns : sequence of str
        Categories of the customers table.
    scores : pyarrow.Table, optional
        ``customer_id``, ``p_churn``, ``clv``; None where there are none as of the period's end.
    """
    from churnml.histories.bucket import Bucket

    ids = pa.chunked_array(list(run(lambda n: Bucket(subject.history, n).customers)), pa.string())
    table = next((info.name for info in subject.history.of_kind("customers")), "")
    found = {name: np.full(len(ids), None, dtype=object) for name in columns}
    is_listed = np.zeros(len(ids), dtype=bool)
    if table:
        stored = {category_column(name): name for name in columns}
        rows = pa.concat_tables(run(lambda n: subject.history.read(table, n, ["customer_id", *stored])))
        place = pc.index_in(rows["customer_id"], value_set=ids.combine_chunks()).to_numpy().astype(np.int64)
        is_listed[place] = True
        for column, name in stored.items():
            found[name][place] = np.array(rows[column].to_pylist(), dtype=object)
    nothing = np.full(len(ids), np.nan)
    if scores is None:
        return Customers(ids, found, is_listed, nothing, nothing, nothing)
    at = pc.index_in(ids, value_set=scores["customer_id"].combine_chunks())
    told = [
        scores[name].take(at).cast(pa.float64()).to_numpy() if name in scores.column_names else nothing
        for name in ("clv", "p_churn", "value_at_risk")
    ]
    return Customers(ids, found, is_listed, *told)


def gather(
    subject: Subject,
    period: Period,
    run: Run,
    customers: Customers,
    *,
    population: Population,
    segments: Sequence[str],
    timezone: str,
) -> Side:
    """Return the columns of a period, nulls left out, and the ways to part its customers."""
    table = pa.concat_tables(run(lambda number: period_rows(subject, number, period))).combine_chunks()
    columns: dict[str, Int64s] = {
        name: table[name].to_numpy() for name in table.column_names[1:] if not table[name].null_count
    }
    if "csat_n" in columns or "nps_n" in columns:
        nothing = np.zeros(table.num_rows, dtype=np.int64)
        answers = columns.get("csat_n", nothing) + columns.get("nps_n", nothing)
        columns["responded"] = (answers > 0).astype(np.int64)
    if period.end == subject.history.as_of and not subject.is_count:
        known = np.isfinite(customers.clv)
        columns["clv_n"] = known.astype(np.int64)
        columns["clv"] = np.rint(np.where(known, customers.clv, 0.0) * MONEY_UNITS).astype(np.int64)
    if "clv_n" in columns and not columns["clv_n"].any():
        del columns["clv"], columns["clv_n"]
    inside = _population(columns, customers, population)
    columns = {n: values if n in _NOT_COUNTS else np.where(inside, values, 0) for n, values in columns.items()}
    ways = _ways(columns, customers, segments, end=period.end, timezone=timezone)
    if "year_value" in columns:
        columns["tier_value"] = columns["year_value"]
        if subject.is_count:
            del columns["year_value"]
    return Side(columns, ways, customers.rank)


def _population(columns: Mapping[str, Int64s], customers: Customers, population: Population) -> Bools:
    inside = np.ones(len(columns["base"]), dtype=bool)
    if population.column:
        inside &= customers.attributes[population.column] == population.value
    if population.buyers != "any":
        bought = columns.get("n_before", np.zeros(len(inside), dtype=np.int64))
        inside &= bought >= 2 if population.buyers == "repeat" else bought == 1
    return inside


def _ways(
    columns: Mapping[str, Int64s], customers: Customers, segments: Sequence[str], *, end: int, timezone: str
) -> list[Way]:
    inside = columns["base"] > 0
    ways = [coded(f"segment:{name}", customers.attributes[name], inside) for name in segments]
    ways.append(cohorts(columns["first_us"], inside, end=end, timezone=timezone))
    if "n_before" in columns:
        ways.append(buyers(columns["n_before"], inside))
    if "value_before" in columns:
        ways.append(tiers(columns["value_before"], inside))
    return [way for way in ways if way is not None]
