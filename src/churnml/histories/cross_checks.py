"""Tables beside each other: ids the customers table lacks, customers without rows, one id in two spellings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.histories.bucket import Bucket
from churnml.histories.profile import TableProfile
from churnml.histories.sketches import KeySample
from churnml.histories.store import History

__all__ = ["Activity", "Orphans", "active_missing_by_quarter", "n_variants", "n_without_rows", "orphans"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Activity:
    """Customers active between two instants, and how many of them another table lacks."""

    from_us: int
    to_us: int
    n_active: int
    n_missing: int

    @property
    def share(self) -> float:
        """Return the share that is lacking, 0 where nobody is active."""
        return self.n_missing / self.n_active if self.n_active else 0.0


@dataclass(frozen=True, slots=True)
class Orphans:
    """Customers of a table that the customers table lacks; altogether, and of those active first and last."""

    n_missing: int
    n_customers: int
    first: Activity
    last: Activity

    @property
    def are_the_departed(self) -> bool:
        """Return whether early customers are lacking far more often than late ones: the table holds survivors."""
        n_first, n_last = max(self.first.n_active, 1), max(self.last.n_active, 1)
        pooled = (self.first.n_missing + self.last.n_missing) / (n_first + n_last)
        noise = np.sqrt(pooled * (1 - pooled) * (1 / n_first + 1 / n_last))
        apart = self.first.share - self.last.share
        return bool(min(n_first, n_last) >= 50 and apart >= 0.05 and apart > 5 * noise)


def orphans(table: TableProfile, customers: TableProfile, *, start: int) -> Orphans:
    """Count the customers of an events or spells table that the customers table lacks.

    Parameters
    ----------
    table, customers : TableProfile
    start : int
        First instant of the table's history; activity is compared between its first and last quarter.
    """
    level = max(table.ids.level, customers.ids.level)
    keys, figures = _at_level(table.ids, level)
    known, _ = _at_level(customers.ids, level)
    missing = ~np.isin(keys, known)
    quarter = max((table.as_of - start) // 4, 1)
    is_first, is_last = figures[:, 1] < start + quarter, figures[:, 2] > table.as_of - quarter

    def activity(active: npt.NDArray[np.bool_], low: int, high: int) -> Activity:
        return Activity(low, high, int(active.sum()) << level, int((active & missing).sum()) << level)

    first = activity(is_first, start, start + quarter)
    last = activity(is_last, table.as_of - quarter, table.as_of)
    return Orphans(int(missing.sum()) << level, len(keys) << level, first, last)


def n_without_rows(customers: TableProfile, others: Sequence[TableProfile]) -> int:
    """Return how many customers have no row in any other table."""
    level = max([customers.ids.level, *(other.ids.level for other in others)])
    keys, _ = _at_level(customers.ids, level)
    seen = np.concatenate([_at_level(other.ids, level)[0] for other in others])
    return int((~np.isin(keys, seen)).sum()) << level


def n_variants(table: TableProfile, customers: TableProfile | None) -> int:
    """Return how many rows carry an id that another one equals but for case, outer blanks, leading zeros or ``.0``.

    Parameters
    ----------
    table : TableProfile
    customers : TableProfile or None
        Where the customers table writes the id, its spelling is the right one.
    """
    level = max(table.ids.level, customers.ids.level if customers is not None else 0)
    keys, figures = _at_level(table.ids, level)
    _, group = np.unique(_normal(table.ids, level), return_inverse=True)
    rows = figures[:, 0]
    if customers is None or customers is table:
        largest = np.zeros(group.max(initial=-1) + 1, dtype=np.int64)
        np.maximum.at(largest, group, rows)
        return int(rows.sum() - largest.sum()) << level
    known, _ = _at_level(customers.ids, level)
    other = ~np.isin(keys, known) & np.isin(_normal(table.ids, level), _normal(customers.ids, level))
    return int(rows[other].sum()) << level


def _at_level(sample: KeySample, level: int) -> tuple[npt.NDArray[np.uint64], Int64s]:
    stays = (sample.sampled_by & np.uint64((1 << level) - 1)) == 0
    return sample.keys[stays], sample.figures[stays]


def _normal(sample: KeySample, level: int) -> npt.NDArray[np.uint64]:
    hashes = sample.sampled_by
    kept: npt.NDArray[np.uint64] = hashes[(hashes & np.uint64((1 << level) - 1)) == 0]
    return kept


def active_missing_by_quarter(history: History, table: str) -> list[Activity]:
    """Return, for each quarter of a table's history, who was active and how many of them the customers table lacks.

    A share that falls from quarter to quarter says that the customers table holds only those who are still there.

    Parameters
    ----------
    history : History
    table : str
        An events or spells table; a spell makes active while it is in force.

    Returns
    -------
    list of Activity
        Four quarters of equal length up to ``as_of``; empty without a customers table or without rows.
    """
    customers = next(iter(history.of_kind("customers")), None)
    info = history.tables[table]
    if customers is None or not info.n_rows:
        return []
    edges = np.linspace(info.first_us, history.as_of, 5).astype(np.int64)
    active, missing = np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64)
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        is_known = np.zeros(len(bucket.customers), dtype=bool)
        is_known[bucket.rows_of(bucket.table(customers.name)["customer_id"])] = True
        rows = bucket.table(table)
        customer = np.repeat(np.arange(len(bucket.customers)), np.diff(bucket.offsets(table)))
        begins, ends = _in_force(rows, history.as_of)
        for quarter in range(4):
            # The very first instant belongs to the first quarter too.
            low = edges[quarter] - (quarter == 0)
            inside = (begins <= edges[quarter + 1]) & (ends > low)
            here = np.unique(customer[inside])
            active[quarter] += len(here)
            missing[quarter] += int((~is_known[here]).sum())
    return [Activity(int(edges[q]), int(edges[q + 1]), int(active[q]), int(missing[q])) for q in range(len(active))]


def _in_force(rows: pa.Table, as_of: int) -> tuple[Int64s, Int64s]:
    """Return from when to when each row makes its customer active; an event is one instant."""
    if "started_at" not in rows.column_names:
        happened = rows["occurred_at"].cast(pa.int64()).to_numpy()
        return happened, happened
    begins = rows["started_at"].cast(pa.int64()).to_numpy()
    if "ended_at" not in rows.column_names:
        return begins, np.full(len(begins), as_of)
    ends = rows["ended_at"].cast(pa.int64()).fill_null(as_of).to_numpy()
    return begins, ends
