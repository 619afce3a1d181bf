"""The same figures for parts of the customers: declared categories, tenure, past value; few customers are marked so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.evaluation.noise import Job
from churnml.evaluation.weighted import WEIGHTED, mean_over, on_rows

__all__ = ["FEW", "HIDDEN", "Slice", "describing_columns", "slice_jobs", "slices_of"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

HIDDEN = 10
"""Groups of fewer customers are counted but not shown: their figures would be figures of persons."""
FEW = 100
"""Groups of fewer customers are shown as too few to judge."""
FEW_OF_CLASS = 20
"""So are groups in which fewer rows churned, or stayed, or brought value."""
MAX_COLUMNS = 6
MAX_GROUPS = 8
TENURE_EDGES = (90.0, 365.0, 730.0)
TENURE_BANDS = ("under_90_days", "90_to_365_days", "1_to_2_years", "over_2_years")
VALUE_SHARES = (0.5, 0.8)
"""Tiers A and B end where customers ranked by past value hold this share of it."""
TENURE, VALUE, CATEGORY = "tenure_days", "past_value", "of_"
"""Columns of the predictions that describe a row; categories are called ``of_<feature>``."""


@dataclass(frozen=True)
class Slice:
    """Rows that have something in common.

    Parameters
    ----------
    by, group : str
        What the rows are parted by (``tenure``, ``value`` or a feature), and the part.
    rows : ndarray of int64
    n_customers : int
    """

    by: str
    group: str
    rows: Rows
    n_customers: int


def describing_columns(table: pa.Table, roles: Mapping[str, str]) -> dict[str, pa.ChunkedArray]:
    """Return what tells rows apart beside outcome and prediction: tenure, past value, categories.

    Parameters
    ----------
    table : pa.Table
        Features.
    roles : mapping of str to str
        Of the simple rules: ``tenure`` and ``spend`` are looked at.
    """
    found: dict[str, pa.ChunkedArray] = {}
    for name, role in ((TENURE, "tenure"), (VALUE, "spend")):
        if roles.get(role) in table.column_names:
            found[name] = table.column(roles[role]).cast(pa.float64())
    for field in table.schema:
        if pa.types.is_dictionary(field.type):
            found[CATEGORY + field.name] = table.column(field.name).cast(pa.string())
    return found


def slices_of(
    table: pa.Table, customers: Rows, cuts: Mapping[str, Rows], *, prefer: Sequence[str] = ()
) -> tuple[list[Slice], dict[str, int]]:
    """Part the rows of a backtest; return the groups that may be shown, and how many customers each part hides.

    Parameters
    ----------
    table : pa.Table
        Predictions with describing columns.
    customers : ndarray of int64, shape (n_rows,)
        Number of each row's customer.
    cuts : mapping of str to ndarray
        Rows by cut-off; tiers of value are drawn within each.
    prefer : sequence of str
        Features to part by, in this order; without it every category, in the table's order. At most six.

    Returns
    -------
    slices : list of Slice
        Of each category at most the eight largest groups; the others are joined as ``others``.
    hidden : dict of str to int
        What is parted by -> groups of fewer than 10 customers.
    """
    slices: list[Slice] = []
    hidden: dict[str, int] = {}
    for by, groups in _partings(table, cuts, prefer=prefer):
        for group in dict.fromkeys(sorted(set(groups.tolist()), key=_order(by, groups))):
            rows = np.flatnonzero(groups == group)
            n = int(np.unique(customers[rows]).size)
            if n < HIDDEN:
                hidden[by] = hidden.get(by, 0) + 1
            else:
                slices.append(Slice(by, group, rows, n))
    return slices, hidden


def _partings(
    table: pa.Table, cuts: Mapping[str, Rows], *, prefer: Sequence[str]
) -> Iterator[tuple[str, npt.NDArray[np.object_]]]:
    names = table.column_names
    if TENURE in names:
        days = table.column(TENURE).to_numpy()
        bands = np.array([*TENURE_BANDS, "unknown"], dtype=object)
        place = np.where(np.isnan(days), len(TENURE_BANDS), np.searchsorted(TENURE_EDGES, days, side="right"))
        yield "tenure", bands[place]
    if VALUE in names:
        value, tiers = table.column(VALUE).to_numpy(), np.empty(table.num_rows, dtype=object)
        for rows in cuts.values():
            tiers[rows] = _tiers(np.nan_to_num(value[rows]))
        yield "value", tiers
    every = [name.removeprefix(CATEGORY) for name in names if name.startswith(CATEGORY)]
    wanted = [name for name in prefer if name in every] if prefer else every
    for name in wanted[:MAX_COLUMNS]:
        yield name, _levels(table.column(CATEGORY + name))


def _tiers(value: Floats) -> npt.NDArray[np.object_]:
    """Return A, B or C by the share of all past value that better customers hold; equal values share a tier."""
    positive = np.maximum(value, 0.0)
    distinct, place, counts = np.unique(-positive, return_inverse=True, return_counts=True)
    held = np.cumsum(-distinct * counts)
    above = np.append(0.0, held[:-1])[place] / held[-1] if held[-1] > 0 else np.zeros(value.size)
    return np.select(
        [positive <= 0, above < VALUE_SHARES[0] - 1e-12, above < VALUE_SHARES[1] - 1e-12], ["C", "A", "B"], "C"
    ).astype(object)


def _levels(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    groups = np.asarray(pc.fill_null(column, "unknown").to_numpy(zero_copy_only=False), dtype=object)
    names, counts = np.unique(groups.astype(str), return_counts=True)
    if names.size > MAX_GROUPS + 1:
        kept = set(names[np.lexsort((names, -counts))][:MAX_GROUPS])
        groups = np.array([group if group in kept else "others" for group in groups], dtype=object)
    return groups


def _order(by: str, groups: npt.NDArray[np.object_]) -> Any:
    """Return the key that puts bands in their own order, tiers by letter and categories by size."""
    if by == "tenure":
        places = {band: k for k, band in enumerate((*TENURE_BANDS, "unknown"))}
        return lambda group: (places[group], group)
    if by == "value":
        return lambda group: group
    counts = dict(zip(*np.unique(groups.astype(str), return_counts=True), strict=True))
    return lambda group: (group == "others", -counts[str(group)], group)


def slice_jobs(ranking: str, y: Floats, p: Floats, cuts: Mapping[str, Rows], rows: Rows) -> tuple[Job, Job]:
    """Return the jobs of a slice's ranking measure, mean over cut-offs, and of predicted over actual total.

    Parameters
    ----------
    ranking : str
        ``roc_auc`` or ``normalised_gini``.
    y, p : ndarray, shape (n_rows,)
        Of all rows.
    cuts : mapping of str to ndarray
    rows : ndarray of int64
        Of the slice.
    """
    parts = [part for part in (np.intersect1d(of_cut, rows) for of_cut in cuts.values()) if part.size]
    ranked = mean_over([WEIGHTED[ranking](y[part], p[part]) for part in parts], parts)
    return ranked, on_rows(WEIGHTED["total_ratio"](y[rows], p[rows]), rows)


def is_enough(kind: str, y: Floats, n_customers: int) -> bool:
    """Return whether a slice's figures say more about it than about chance."""
    n_positive = int(np.count_nonzero(y > 0))
    n_rarer = min(n_positive, y.size - n_positive) if kind == "churn" else n_positive
    return n_customers >= FEW and n_rarer >= FEW_OF_CLASS
