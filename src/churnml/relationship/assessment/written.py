"""Figures of the report as people of a language read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from churnml.wording import MISSING, figure, has_words, words

__all__ = ["Writer"]

Cell = Mapping[str, Any]
Report = Mapping[str, Any]
_OUT_OF = {
    "csat": "csat",
    "nps": "nps",
    "revenue_churn": "money_share",
    "clv": "money",
    "year_value": "money",
    "frequency": "cases",
    "complaints": "cases",
    "open": "cases",
    "overdue": "cases",
    "speed": "speed",
    "sla_breach": "tickets",
    "reopened": "tickets",
}
"""Figure -> how its numbers are told; the others are shares of customers."""


class Writer:
    """Writes the figures of one report in one language.

    Parameters
    ----------
    report : mapping
    language : str
    """

    def __init__(self, report: Report, language: str) -> None:
        self.report = report
        self.language = language
        self.currency = str(report["currency"])

    def say(self, key: str, **figures: object) -> str:
        """Return a text of the catalogue; ``key`` without its head ``relation.``."""
        return words(f"relation.{key}", self.language, **figures)

    def day(self, text: str) -> date:
        """Return a date of the report."""
        return date.fromisoformat(text)

    def value(self, kind: str, value: float | None) -> str:
        """Return a figure with its unit."""
        if value is None:
            return MISSING
        if kind == "percent":
            return figure(value, "percent", self.language)
        if kind == "money":
            return figure(value, "money", self.language, currency=self.currency)
        if kind == "hours":
            return self.say("hours", value=figure(value, "rate", self.language))
        return figure(value, "rate" if kind == "points" else "number", self.language)

    def change(self, kind: str, value: float | None) -> str:
        """Return a change with its sign; of a share, in points."""
        if value is None:
            return MISSING
        if kind == "percent":
            return self.say("points_change", value=_signed(value, figure(abs(100 * value), "rate", self.language)))
        return _signed(value, self.value(kind, abs(value)))

    def span(self, kind: str, low: float | None, high: float | None, *, is_change: bool = False) -> str:
        """Return an interval."""
        if low is None or high is None:
            return MISSING
        if is_change and kind == "percent":
            ends = (_signed(end, figure(abs(100 * end), "rate", self.language)) for end in (low, high))
            return self.say("points_change", value=" \N{EN DASH} ".join(ends))
        if kind == "money" and not is_change:
            low_text, high_text = (figure(end, "whole", self.language) for end in (low, high))
            return f"{low_text} \N{EN DASH} {high_text}"
        write = self.change if is_change else self.value
        return f"{write(kind, low)} \N{EN DASH} {write(kind, high)}"

    def number(self, value: int | str) -> str:
        """Return a count, or a sum of money that stands in the report as text."""
        if isinstance(value, str):
            return figure(float(value), "money", self.language, currency=self.currency)
        return figure(value, "whole", self.language)

    def out_of(self, name: str, cell: Cell) -> str:
        """Return what a figure is made of."""
        parts = {key: self.number(cell[key]) for key in ("count", "n", "customers")}
        return self.say(f"out_of.{_OUT_OF.get(name, 'customers')}", **parts)

    def band(self, kind: str, low: float | None, high: float | None) -> str:
        """Return a target."""
        if low is not None and high is not None:
            return self.say("band.between", low=self.value(kind, low), high=self.value(kind, high))
        if low is not None:
            return self.say("band.least", low=self.value(kind, low))
        return self.say("band.most", high=self.value(kind, high))

    def name(self, figure_name: str) -> str:
        """Return the name of a figure."""
        return self.say(f"figure.{self._variant(figure_name)}")

    def _variant(self, figure_name: str) -> str:
        """Return the key of a figure: what was brought in a year, or where value comes from spells, what is paid."""
        of_fees = self.report["value_kind"] == "spells" and figure_name in {"year_value", "revenue_churn"}
        return f"{figure_name}_fees" if of_fees else figure_name

    def meaning(self, figure_name: str) -> str:
        """Return what a figure counts."""
        known = self.report["definitions"]
        churn_date = self.report["churn_date"]
        key = "churn_label" if figure_name == "churn" and churn_date is None else self._variant(figure_name)
        return self.say(
            f"meaning.{key}",
            churn_date=None if churn_date is None else self.day(churn_date),
            horizon=known["churn_horizon_days"],
            sla=known["sla_hours"],
        )

    def way(self, name: str) -> str:
        """Return the heading of a way to part customers."""
        head, _, column = name.partition(":")
        return self.say(f"way.{head}", **({"column": column} if column else {}))

    def level(self, way: str, level: str) -> str:
        """Return the name of a group."""
        if not level:
            return self.say("unknown_level")
        key = f"relation.level.{level}"
        return words(key, self.language) if way in {"all", "buyers"} and has_words(key) else level

    def measure(self, name: str) -> str:
        """Return the name of a measure of service; a column of the project's own keeps its name."""
        return self.say(f"measure.{name}") if has_words(f"relation.measure.{name}") else name

    def point(self, point: list[str]) -> str:
        """Return the name of a touch-point."""
        measure, table, column, level = point
        told = {"measure": self.say(f"point.{measure}"), "table": table}
        return (
            self.say("point.at_level", column=column, level=level, **told) if column else self.say("point.at", **told)
        )

    def yes(self, value: bool | None) -> str:
        """Return yes or no."""
        return MISSING if value is None else self.say("yes" if value else "no")


def _signed(value: float, text: str) -> str:
    """Return a text with the sign of its number; what is written as zero has none of the two."""
    if not any(digit in text for digit in "123456789"):
        return "\N{PLUS-MINUS SIGN}" + text
    return ("+" if value > 0 else "\N{MINUS SIGN}") + text
