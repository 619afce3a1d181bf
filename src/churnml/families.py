"""The families of features: the words that the configuration, the plan of the columns and the pages have in common."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["FAMILIES", "Family"]

Family = Literal[
    "frequency",
    "recency",
    "tenure",
    "rhythm",
    "value",
    "refunds",
    "levels",
    "trend",
    "intensity",
    "spells",
    "calendar",
    "profile",
    "ratios",
    "btyd",
    "own",
]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""Every family of features, in the order in which they are documented."""
