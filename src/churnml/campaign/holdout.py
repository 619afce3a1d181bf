"""Who is set aside so that the effect of a campaign can be measured: drawn by hash, by stratum, once and for all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["HOLDOUT", "LEDGER", "TREAT", "assign", "draw"]

HOLDOUT, TREAT = "holdout", "treat"
"""The two arms: set aside, or to be contacted where the limits allow it."""

LEDGER = pa.schema(
    [("customer_id", pa.string()), ("arm", pa.string()), ("stratum", pa.string()), ("drawn_on", pa.date32())]
)
"""Columns of what is kept of the draw: one row for each customer ever drawn in a campaign, by id."""


def draw(customers: Iterable[str], *, campaign: str, seed: int) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each customer, the same whenever and beside whomever it is drawn.

    Parameters
    ----------
    customers : iterable of str
        Customer ids.
    campaign : str
        Another campaign draws anew.
    seed : int

    Examples
    --------
    >>> a, b = draw(["1", "2"], campaign="spring", seed=1)
    >>> bool(a == draw(["1"], campaign="spring", seed=1)[0])
    True
    """
    head = hashlib.sha256(f"{seed}\x1f{campaign}\x1f".encode())
    return np.array([_uniform(head, customer) for customer in customers], dtype=np.float64)


def _uniform(head: hashlib._Hash, customer: str) -> float:
    digest = head.copy()
    digest.update(customer.encode())
    # 53 bits fill a float exactly, so the number stays below 1.
    return (int.from_bytes(digest.digest()[:8], "big") >> 11) / 2**53


def assign(
    customers: pa.Array,
    strata: pa.Array,
    *,
    campaign: str,
    seed: int,
    share: float,
    drawn_on: date,
    ledger: pa.Table | None = None,
) -> tuple[npt.NDArray[np.bool_], pa.Table]:
    """Set customers aside by stratum; who was drawn before keeps the arm.

    Of the new customers of each stratum those with the smallest numbers are set aside, so many that their share is met
    to within one; whether the fraction left over makes one more is drawn too, so that each has the same chance. Without
    a share nobody is set aside, and earlier draws are kept for later.

    Parameters
    ----------
    customers, strata : Array of string, shape (n,)
        Candidates, each once, and the stratum of each.
    campaign : str
    seed : int
    share : float
        In [0, 1).
    drawn_on : date
    ledger : Table or None
        Columns :data:`LEDGER`: whom this campaign has drawn before.

    Returns
    -------
    held : ndarray of bool, shape (n,)
    ledger : Table
        With the new customers, by id.
    """
    ledger = LEDGER.empty_table() if ledger is None else ledger
    if share <= 0:
        return np.zeros(len(customers), dtype=bool), ledger
    place = pc.index_in(customers, value_set=ledger["customer_id"].combine_chunks())
    arms = ledger["arm"].take(place)
    held: npt.NDArray[np.bool_] = pc.fill_null(pc.equal(arms, HOLDOUT), False).to_numpy().copy()
    new = np.flatnonzero(pc.is_null(place).to_numpy(zero_copy_only=False))
    ids, names = customers.take(pa.array(new)), strata.take(pa.array(new))
    held[new] = _smallest(ids, names, campaign=campaign, seed=seed, share=share, drawn_on=drawn_on)
    drawn = pa.table(
        {
            "customer_id": ids,
            "arm": pa.array(np.where(held[new], HOLDOUT, TREAT), pa.string()),
            "stratum": names,
            "drawn_on": pa.array([drawn_on] * len(new), pa.date32()),
        },
        schema=LEDGER,
    )
    return held, pa.concat_tables([ledger, drawn]).sort_by("customer_id").combine_chunks()


def _smallest(
    ids: pa.Array, strata: pa.Array, *, campaign: str, seed: int, share: float, drawn_on: date
) -> npt.NDArray[np.bool_]:
    """Return who has one of the smallest numbers of the stratum."""
    uniforms = draw(ids.to_pylist(), campaign=campaign, seed=seed)
    names, number = np.unique(np.array(strata.to_pylist(), dtype=object), return_inverse=True)
    # The fraction left over is drawn by stratum and day: one that is always cut off would never set anybody aside
    # where customers come one by one.
    chance = draw(names, campaign=f"{campaign}\x1f{drawn_on.isoformat()}", seed=seed)
    n_held = np.floor(share * np.bincount(number, minlength=len(names)) + chance)
    order = np.lexsort((uniforms, number))
    first = np.searchsorted(number[order], np.arange(len(names)))
    held = np.zeros(len(ids), dtype=bool)
    held[order] = np.arange(len(ids)) - first[number[order]] < n_held[number[order]]
    return held
