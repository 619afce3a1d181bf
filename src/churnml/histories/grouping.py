"""Item lines to events: lines of one customer with the same grouping key are one order, call or visit."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from churnml.histories.conform import category_column, number_column
from churnml.histories.contract import TableContract
from churnml.histories.rows import NO_AMOUNT, Coded, Column, Rows
from churnml.histories.sorting import sorted_rows
from churnml.timeline import NEVER

__all__ = ["LATE_LINE", "SUPERSEDED", "group_lines"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
LATE_LINE = "is_late_line"
"""Marks what was added to an event after it had become known: its amounts count, the event does not count again."""
SUPERSEDED = "superseded_at"
"""When the next version of a row became known."""


def group_lines(lines: Rows, group: Int64s, n_customers: int, contract: TableContract) -> tuple[Rows, int]:
    """Merge item lines into events, sorted by (customer, time).

    Amounts and numbers are summed, the earliest time counts, and each category takes the level that most lines carry
    (ties: the alphabetically first).

    Where lines have no versions, those that became usable later than the first ones of their event stay rows of their
    own, marked :data:`LATE_LINE`: what was known at an earlier date must not change. Where lines have versions, the
    event has one as well from each instant at which the lines that count change. In both, what an event is at *t*
    follows from the lines usable at *t* and from no other.

    Parameters
    ----------
    lines : Rows
        Columns of the conformed lines, with the customers' numbers; sorted by (customer, time).
    group : ndarray of int64, shape (n_lines,)
        A number per grouping key; a line without a complete key has its own.
    n_customers : int
    contract : TableContract

    Returns
    -------
    events : Rows
    n_groups : int
        How many events there are, versions and late lines not counted.
    """
    customer, happened = lines.texts("customer_id").codes, lines.plain("occurred_at")
    usable = np.maximum(happened, lines.plain("known_at")) if contract.has_known_at else happened
    order, _ = sorted_rows(customer, n_customers, np.stack([group, usable, np.arange(len(group))]))
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (customer[order][1:] != customer[order][:-1]) | (group[order][1:] != group[order][:-1])
    groups = np.append(np.flatnonzero(is_new), len(order))
    columns: dict[str, Column] = {}
    if contract.key:
        member, starts, columns["known_at"], columns[SUPERSEDED] = _versions(
            order, groups, usable, lines.plain(SUPERSEDED)
        )
        late = np.zeros(len(starts) - 1, dtype=bool)
    else:
        member, (starts, late) = order, _first_and_late(usable[order], is_new, groups)
        if contract.has_known_at:
            columns["known_at"] = np.maximum.reduceat(lines.plain("known_at")[member], starts[:-1])
    first = member[starts[:-1]]
    columns |= {"customer_id": lines.texts("customer_id").take(first), LATE_LINE: late}
    events = Rows(columns | _merged(lines, member, starts, contract))
    keys = [events.plain(name) for name in ("occurred_at", "known_at") if name in events.columns]
    place, _ = sorted_rows(customer[first], n_customers, np.stack([*keys, group[first], late.astype(np.int64)]))
    return events.take(place), len(groups) - 1


def _first_and_late(usable: Int64s, is_new: Bools, groups: Int64s) -> tuple[Int64s, Bools]:
    """Return where the events and the late additions of each begin, and which are late; lines are sorted."""
    since_first = np.repeat(usable[groups[:-1]], np.diff(groups))
    begins = is_new.copy()
    begins[1:] |= usable[1:] != usable[:-1]
    starts = np.flatnonzero(begins)
    return np.append(starts, len(usable)), usable[starts] > since_first[starts]


@numba.njit(cache=True, nogil=True)
def _versions(order: Int64s, groups: Int64s, usable: Int64s, until: Int64s) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Return the lines of each version of each event, where each version begins, from when it counts and until when."""
    member, starts, known, superseded = [np.int64(0)], [np.int64(0)], [np.int64(0)], [np.int64(0)]
    for g in range(groups.shape[0] - 1):
        lines = order[groups[g] : groups[g + 1]]
        instants = np.unique(np.append(usable[lines], until[lines]))
        for k in range(instants.shape[0]):
            t, any_line = instants[k], False
            for line in lines:
                if usable[line] <= t < until[line]:
                    member.append(line)
                    any_line = True
            if any_line:
                starts.append(np.int64(len(member) - 1))
                known.append(t)
                superseded.append(instants[k + 1] if k + 1 < instants.shape[0] else np.int64(NEVER))
    return np.array(member)[1:], np.array(starts), np.array(known)[1:], np.array(superseded)[1:]


def _merged(lines: Rows, member: Int64s, starts: Int64s, contract: TableContract) -> dict[str, Column]:
    """Return what the lines of each stretch come to."""
    events: dict[str, Column] = {"occurred_at": np.minimum.reduceat(lines.plain("occurred_at")[member], starts[:-1])}
    if contract.amount:
        units = lines.plain("amount")[member]
        events["amount"] = _summed(units, units != NO_AMOUNT, starts, NO_AMOUNT)
    for name in contract.numbers:
        values = lines.plain(number_column(name))[member]
        events[number_column(name)] = _summed(values, ~np.isnan(values), starts, np.nan)
    for name in contract.categories:
        levels = lines.texts(category_column(name))
        events[category_column(name)] = Coded(_most_frequent(levels.codes[member], starts), levels.vocabulary)
    return events


def _summed(values: npt.NDArray[Any], known: Bools, starts: Int64s, missing: float) -> npt.NDArray[Any]:
    total: npt.NDArray[Any] = np.add.reduceat(np.where(known, values, 0), starts[:-1])
    total[~np.logical_or.reduceat(known, starts[:-1])] = missing
    return total


@numba.njit(cache=True, nogil=True)
def _most_frequent(codes: npt.NDArray[np.int32], starts: Int64s) -> npt.NDArray[np.int32]:
    """Return the most frequent code of each stretch, the smallest of several; -1 where all are missing."""
    out = np.full(starts.shape[0] - 1, -1, dtype=np.int32)
    for s in range(starts.shape[0] - 1):
        stretch = np.sort(codes[starts[s] : starts[s + 1]])
        best, n_same = 0, 0
        for i in range(stretch.shape[0]):
            n_same = n_same + 1 if i and stretch[i] == stretch[i - 1] else 1
            if stretch[i] >= 0 and n_same > best:
                best, out[s] = n_same, stretch[i]
    return out
