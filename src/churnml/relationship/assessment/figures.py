"""Which figures the report tells: each a sum over customers divided by another, with its sense and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from churnml.histories.conform import MONEY_UNITS

__all__ = ["FIGURES", "Figure", "figures_of"]

Int64s = npt.NDArray[np.int64]
Columns = Mapping[str, Int64s]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the report.

    Parameters
    ----------
    name : str
        Key of its words: ``relation.figure.<name>``.
    top : tuple of str
        Columns that are summed; one that begins with ``-`` is subtracted.
    base : str
        Column that the sum is divided by.
    kind : {"percent", "points", "money", "rate", "hours", "hundred"}
        How it is written: a share, points of 100, money, a number, hours, or cases for each hundred customers.
    better : int
        1 = more is better, -1 = less is better, 0 = neither.
    is_share : bool
        Whether each customer counts once at most: then the interval is Wilson's, else customers are drawn anew.
    unit : float
        What the ratio is multiplied with.
    is_monthly : bool
        Whether the sum of the period is told for 30 days.
    """

    name: str
    top: tuple[str, ...]
    base: str
    kind: Literal["percent", "points", "money", "rate", "hours", "hundred"]
    better: int
    is_share: bool = False
    unit: float = 1.0
    is_monthly: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the columns it is made of."""
        return (*(name.removeprefix("-") for name in self.top), self.base)

    @property
    def money(self) -> tuple[str, ...]:
        """Return which of a cell's ``count`` and ``n`` are sums of money."""
        if self.kind == "money":
            return ("count",)
        return ("count", "n") if self.name == "revenue_churn" else ()

    def counted(self, columns: Columns) -> Int64s:
        """Return what each customer adds to the sum."""
        total = np.zeros(len(columns[self.base]), dtype=np.int64)
        for name in self.top:
            total += -columns[name[1:]] if name.startswith("-") else columns[name]
        return total

    def factor(self, *, days: int) -> float:
        """Return what the ratio of the two sums is multiplied with."""
        return self.unit * (30.0 / days if self.is_monthly else 1.0)


FIGURES = (
    Figure("csat", ("csat_satisfied",), "csat_n", "percent", 1),
    Figure("nps", ("promoters", "-detractors"), "nps_n", "points", 1, unit=100.0),
    Figure("churn", ("churned",), "at_risk", "percent", -1, is_share=True),
    Figure("revenue_churn", ("revenue_lost",), "revenue", "percent", -1),
    Figure("clv", ("clv",), "clv_n", "money", 1, unit=1 / MONEY_UNITS),
    Figure("year_value", ("year_value",), "base", "money", 1, unit=1 / MONEY_UNITS),
    Figure("frequency", ("interactions",), "base", "rate", 1, is_monthly=True),
    Figure("repeat", ("repeat",), "bought", "percent", 1, is_share=True),
    Figure("membership", ("member",), "base", "percent", 1, is_share=True),
    Figure("referral", ("referred",), "joined", "percent", 1, is_share=True),
    Figure("complaints", ("tickets",), "base", "hundred", -1, unit=100.0, is_monthly=True),
    Figure("speed", ("seconds",), "answered", "hours", -1, unit=1 / 3600),
    Figure("sla_breach", ("breached",), "due", "percent", -1),
    Figure("reopened", ("reopened",), "answered", "percent", -1),
    Figure("open", ("open",), "base", "hundred", -1, unit=100.0),
    Figure("overdue", ("overdue",), "base", "hundred", -1, unit=100.0),
    Figure("response", ("responded",), "base", "percent", 0, is_share=True),
)
"""Every figure, in the order of the report."""


def figures_of(columns: Mapping[str, Any]) -> tuple[list[Figure], list[str]]:
    """Return the figures that can be told from the columns there are, and the names of the others."""
    told = [figure for figure in FIGURES if all(name in columns for name in figure.needs)]
    names = {figure.name for figure in told}
    return told, [figure.name for figure in FIGURES if figure.name not in names]
