"""How customers moved between tiers of value since the period before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.campaign.tiers import value_tiers
from churnml.relationship.small_cells import hidden_cells

__all__ = ["FROM", "TO", "migration"]

Int64s = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
FROM, TO = ("A", "B", "C", "new"), ("A", "B", "C", "gone")


def migration(now: Mapping[str, Int64s], before: Mapping[str, Int64s], *, minimum: int) -> dict[str, Any]:
    """Return the matrix of tiers: of whom each tier was made before, and what became of them.

    Parameters
    ----------
    now, before : mapping of str to ndarray of int64, shape (n_customers,)
        ``there`` and ``year_value`` at the end of each period; the same customers in the same order.
    minimum : int
        Fewest customers that are shown.

    Returns
    -------
    dict
        ``rows``: from -> to -> number, None where held back; ``totals`` of the former, ``ends`` of the latter;
        ``stayed``: share of those in a tier both times who kept it, None where held back.
    """
    old, new = _tier(before, "new"), _tier(now, "gone")
    counted = (old != "new") | (new != "gone")
    old, new = old[counted], new[counted]
    pairs = [(a, b) for a in FROM for b in TO if (a, b) != ("new", "gone")]
    members = [np.ones(len(old), bool), *((old == a) & (new == b) for a, b in pairs)]
    members += [*(old == a for a in FROM), *(new == b for b in TO)]
    first = 1 + len(pairs)
    families = {
        "all": [0],
        "pairs": list(range(1, first)),
        "from": list(range(first, first + len(FROM))),
        "to": list(range(first + len(FROM), first + len(FROM) + len(TO))),
    }
    cells = np.column_stack(members)
    size = cells.sum(axis=0)
    hidden = hidden_cells(cells, families, minimum=minimum)
    shown = [None if is_hidden else int(n) for n, is_hidden in zip(size, hidden, strict=True)]
    rows: dict[str, dict[str, int | None]] = {a: {} for a in FROM}
    for (a, b), n in zip(pairs, shown[1:first], strict=True):
        rows[a][b] = n
    kept = [rows[tier][tier] for tier in ("A", "B", "C")]
    both = [rows[a][b] for a in "ABC" for b in "ABC"]
    known = [n for n in both if n is not None]
    stayed = None
    total = int(np.sum(known))
    if len(known) == len(both) and total:
        stayed = round(sum(n or 0 for n in kept) / total, 10)
    return {
        "rows": rows,
        "totals": dict(zip(FROM, shown[first : first + len(FROM)], strict=True)),
        "ends": dict(zip(TO, shown[first + len(FROM) :], strict=True)),
        "stayed": stayed,
    }


def _tier(columns: Mapping[str, Int64s], absent: str) -> Texts:
    there = columns["there"] > 0
    tier = np.full(len(there), absent, dtype=object)
    tier[there] = value_tiers(columns["year_value"][there].astype(np.float64)).astype(object)
    return tier
