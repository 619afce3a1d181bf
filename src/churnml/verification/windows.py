"""Outcome windows where they belong: behind the features, settled at as_of, and apart between the splits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.timeline import OutcomeWindow, us_to_iso
from churnml.verification.findings import Finding

__all__ = ["Parts", "check_keys", "check_settled", "check_splits"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows of one fold by the part they play; numbers of the labelled rows."""

    name: str
    train: Int64s
    valid: Int64s
    between: Int64s
    test: Int64s


def check_splits(dates: Int64s, folds: Iterable[Parts], *, reach_us: int) -> list[Finding]:
    """Return where an outcome that is learned from reaches past the date that checks it.

    Parameters
    ----------
    dates : ndarray of int64, shape (n_rows,)
        Observation dates of the labelled rows.
    folds : iterable of Parts
    reach_us : int
        How far after its date an outcome is settled: lead, horizon and grace.
    """
    found = []
    for fold in folds:
        learned = np.concatenate([fold.train, fold.valid, fold.between])
        pairs = [(learned, fold.test, "test"), (fold.train, fold.valid, "valid")]
        for before, after, part in pairs:
            if not len(before) or not len(after):
                continue
            newest, oldest = int(dates[before].max()), int(dates[after].min())
            if newest + reach_us > oldest:
                late = int((dates[before] + reach_us > oldest).sum())
                found.append(
                    Finding(
                        *("time.windows_overlap", "error", fold.name, "data/snapshots"),
                        n=late,
                        of=len(before),
                        date=us_to_iso(newest + reach_us),
                        other_date=us_to_iso(oldest),
                        detail=part,
                    )
                )
        shared = len(np.intersect1d(learned, fold.test))
        if shared:
            found.append(Finding("time.rows_shared", "error", fold.name, "data/snapshots", n=shared, of=len(fold.test)))
    return found


def check_settled(labels: pa.Table, window: OutcomeWindow, *, as_of: int) -> list[Finding]:
    """Return the date whose outcome is used although it was not fully observed at ``as_of``."""
    used = labels.filter(pc.is_valid(labels["is_churned"]))
    dates = used["observation_date"].cast(pa.int64()).to_numpy()
    open_then = ~window.is_settled(dates, as_of=as_of)
    if not open_then.any():
        return []
    first = int(dates[open_then].min())
    place = ("time.not_settled", "error", "is_churned", "data/labels")
    counts = {"n": int(open_then.sum()), "of": len(dates)}
    ends = us_to_iso(first + window.reach_us)
    return [Finding(*place, **counts, date=ends, other_date=us_to_iso(as_of), detail=us_to_iso(first))]  # type: ignore[arg-type]


def check_keys(spine: pa.Table, other: pa.Table, *, file: str) -> list[Finding]:
    """Return where a folder holds other snapshots than the spine: another customer, or another date."""
    n_rows = min(spine.num_rows, other.num_rows)
    same = np.ones(n_rows, dtype=bool)
    for key in ("customer_id", "observation_date"):
        same &= _equal(spine[key].slice(0, n_rows), other[key].slice(0, n_rows))
    if same.all() and spine.num_rows == other.num_rows:
        return []
    place = int(np.argmin(same)) if not same.all() else n_rows
    n_wrong = int((~same).sum()) + abs(spine.num_rows - other.num_rows)
    dates = [_date_at(table, place) for table in (spine, other)]
    counts = {"n": n_wrong, "of": spine.num_rows}
    return [
        Finding("time.out_of_step", "error", "observation_date", file, **counts, date=dates[0], other_date=dates[1])
    ]


def _equal(first: pa.ChunkedArray, second: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    kind = pa.int64() if pa.types.is_timestamp(first.type) else pa.string()
    equal: npt.NDArray[np.bool_] = pc.fill_null(pc.equal(first.cast(kind), second.cast(kind)), False).to_numpy()
    return equal


def _date_at(table: pa.Table, place: int) -> str:
    if place >= table.num_rows:
        return ""
    value = table["observation_date"].cast(pa.int64())[place].as_py()
    return "" if value is None else us_to_iso(value)
