"""Who among those concerned was helped, by group: shares that add up, so that nobody has to guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.campaign.shared_help import CENTS
from churnml.exports.page import Table
from churnml.wording import figure, words

__all__ = ["adding_up", "fairness", "fairness_tables"]

Int64s = npt.NDArray[np.int64]
_UNITS = 1000
"""Shares are told in tenths of a percent."""


def adding_up(counts: Sequence[int]) -> list[float]:
    """Return shares in tenths of a percent that sum to 1: the largest remainders are rounded up, the first of equals.

    Examples
    --------
    >>> adding_up([1, 1, 1]), adding_up([0, 0])
    ([0.334, 0.333, 0.333], [0.0, 0.0])
    """
    total = sum(counts)
    if not total:
        return [0.0] * len(counts)
    parts = [divmod(count * _UNITS, total) for count in counts]
    whole = [part for part, _ in parts]
    order = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))
    for place in order[: _UNITS - sum(whole)]:
        whole[place] += 1
    return [part / _UNITS for part in whole]


def fairness(groups: Mapping[str, pa.Array], given: Int64s) -> dict[str, list[dict[str, Any]]]:
    """Return for each way to part those concerned what each group got.

    Parameters
    ----------
    groups : mapping of str to Array of string, shape (n_customers,)
        Way -> level of each customer, null = not known.
    given : ndarray of int64, shape (n_customers,)
        Cents; 0 = not helped.

    Returns
    -------
    dict of list of dict
        ``level`` (None = not known), ``affected``, ``affected_share``, ``helped``, ``helped_share``, ``helped_rate``
        (helped of those affected), ``given`` and ``mean`` (of those helped; None without one) in currency,
        ``given_share``; levels sorted, unknown last.
    """
    return {way: _levels(levels.to_pylist(), given) for way, levels in groups.items()}


def _levels(levels: Sequence[str | None], given: Int64s) -> list[dict[str, Any]]:
    names = sorted(set(levels), key=lambda name: (name is None, name or ""))
    codes = np.array([names.index(level) for level in levels], dtype=np.int64)
    affected, helped = (np.bincount(codes[rows], minlength=len(names)).tolist() for rows in (given >= 0, given > 0))
    sums = [int(given[codes == place].sum()) for place in range(len(names))]
    shares = zip(adding_up(affected), adding_up(helped), adding_up(sums), strict=True)
    return [
        {
            "level": name,
            "affected": n,
            "affected_share": of_affected,
            "helped": k,
            "helped_share": of_helped,
            "helped_rate": round(k / n, 4),
            "given": total / CENTS,
            "given_share": of_given,
            "mean": round(total / k / CENTS, 2) if k else None,
        }
        for name, n, k, total, (of_affected, of_helped, of_given) in zip(
            names, affected, helped, sums, shares, strict=True
        )
    ]


_COLUMNS = (
    ("affected", "whole"),
    ("affected_share", "percent"),
    ("helped", "whole"),
    ("helped_share", "percent"),
    ("helped_rate", "percent"),
    ("given", "money"),
    ("given_share", "percent"),
    ("mean", "money"),
)


def fairness_tables(
    found: Mapping[str, Sequence[Mapping[str, Any]]], *, language: str, currency: str
) -> Iterable[tuple[str, Table]]:
    """Yield a table for each way to part those concerned, under its heading."""
    titles = [words("compensation.head_level", language)]
    titles += [words(f"compensation.head_{name}", language) for name, _ in _COLUMNS]
    for way, rows in found.items():
        key = "compensation.by_tier" if way == "value_tier" else "compensation.by"
        lines = [
            [
                words("warning.level_unknown", language) if row["level"] is None else row["level"],
                *(figure(row[name], kind, language, currency=currency) for name, kind in _COLUMNS),
            ]
            for row in rows
        ]
        yield words(key, language, way=way), Table(titles, lines, figures=frozenset(range(1, len(titles))))
