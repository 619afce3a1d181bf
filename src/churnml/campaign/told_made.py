"""Told contacts that were made, by customer: who of a list was really contacted, and when first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.told import REACHED

__all__ = ["Contacts", "first_told", "made_until"]

Contacts = Mapping[str, npt.NDArray[np.int64]]
"""Customer -> instants of the contacts made, ascending."""


def made_until(told: pa.Table, *, until: int) -> Contacts:
    """Return the contacts in which somebody was reached, up to an instant.

    Parameters
    ----------
    told : Table
        See :data:`churnml.campaign.told.TOLD_SCHEMA`.
    until : int
        Microseconds.
    """
    told = told.filter(pc.is_in(told["outcome"], value_set=pa.array(REACHED)))
    found: dict[str, list[int]] = {}
    for customer, at in zip(told["customer_id"].to_pylist(), told["at"].cast(pa.int64()).to_pylist(), strict=True):
        if at <= until:
            found.setdefault(customer, []).append(at)
    return {customer: np.array(sorted(instants), dtype=np.int64) for customer, instants in found.items()}


def first_told(customers: Sequence[str], dates: npt.NDArray[np.int64], made: Contacts) -> npt.NDArray[np.float64]:
    """Return how long after each date its customer was first contacted, microseconds; NaN = not at all.

    A contact at the very date counts: told by its day alone, it is of the day of the list.
    """
    after = np.full(len(customers), np.nan)
    for place, customer in enumerate(customers):
        instants = made.get(customer)
        if instants is not None:
            first = int(np.searchsorted(instants, dates[place]))
            if first < len(instants):
                after[place] = float(instants[first] - dates[place])
    return after
