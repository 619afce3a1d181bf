"""Every rule the data are checked against: how grave a breach is, and how much of it is borne."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["CATALOGUE", "Limits", "Rule", "Rules", "Severity"]

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Parameters
    ----------
    name : str
        The catalogue of words has ``finding.<name>.meaning`` and ``.next``.
    severity : {"error", "warning", "info"}
        The gravest a breach is by default; a check may find it less grave.
    is_fixed : bool
        Whether going on would make every later figure wrong, so that no setting lowers it.
    max_count, max_share : int, float, optional
        A breach above either one counts at its severity, any other is a note. Without both, every breach counts.
    """

    name: str
    severity: Severity
    is_fixed: bool = False
    max_count: int | None = None
    max_share: float | None = None


def _fixed(*names: str) -> list[Rule]:
    return [Rule(name, "error", is_fixed=True) for name in names]


CATALOGUE: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        # What a cell or a row says cannot be known, or would be counted wrong.
        *_fixed(
            "data.column_type",
            "data.time_unreadable",
            "data.time_missing",
            "data.number_unreadable",
            "data.number_not_finite",
            "data.amount_too_large",
            "data.id_blank",
            "data.id_control",
            "data.customer_twice",
            "data.spell_reversed",
            "data.currency_other",
            "data.no_rows",
            "data.key_two_customers",
        ),
        # Ids.
        Rule("data.id_padded", "warning"),
        Rule("data.id_variants", "warning"),
        Rule("data.placeholder_ids", "warning"),
        Rule("data.heavy_id", "warning"),
        Rule("data.guest_rows", "info"),
        Rule("data.forgotten", "info"),
        # Rows that repeat.
        Rule("data.duplicates", "info"),
        Rule("data.grouped_lines", "info"),
        Rule("data.same_key", "info"),
        Rule("data.version_ties", "warning"),
        Rule("data.day_twice", "warning"),
        # Times.
        Rule("data.sentinel_date", "error"),
        Rule("data.stray_date", "warning"),
        Rule("data.date_spike", "warning"),
        Rule("data.open_end_date", "info"),
        Rule("data.end_after_as_of", "info"),
        Rule("data.after_as_of", "warning", max_share=0.5),
        # Calendar.
        Rule("data.scope_unknown", "error"),
        # Volume.
        Rule("data.file_empty", "warning"),
        Rule("data.gap", "error"),
        Rule("data.last_days", "error"),
        Rule("data.last_day_low", "warning"),
        Rule("data.unfinished_line", "warning"),
        Rule("data.volume_drop", "error", max_share=0.1),
        # Amounts, numbers and categories.
        Rule("data.scale_jump", "error"),
        Rule("data.scale_of_file", "error"),
        Rule("data.refunds", "warning", max_share=0.3),
        Rule("data.refund_too_large", "warning"),
        Rule("data.refund_first", "info"),
        Rule("data.category_like_id", "warning"),
        # Tables and files beside each other.
        Rule("data.columns_changed", "info"),
        Rule("data.columns_vanished", "warning"),
        Rule("data.orphans", "warning", max_share=0.05),
        Rule("data.survivors_only", "warning"),
        Rule("data.customers_without_rows", "info"),
    )
}
"""The rules by name, in the order they are documented in."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a project sets for one rule; None leaves the severity as found."""

    severity: Severity | None = None
    max_count: int | None = None
    max_share: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The catalogue with what a project sets.

    Parameters
    ----------
    limits : mapping of str to Limits, optional
        Rule -> what is set. A bound given here takes the place of both bounds of the catalogue.
    """

    limits: Mapping[str, Limits] | None = None

    def severity(self, rule: str, found: Severity, *, count: int, n_rows: int) -> Severity:
        """Return how grave a breach is.

        Parameters
        ----------
        rule : str
        found : {"error", "warning", "info"}
            Severity that the check itself gives.
        count, n_rows : int
            Rows concerned, of how many.

        Examples
        --------
        >>> Rules({"data.refunds": Limits("error", max_share=0.5)}).severity(
        ...     "data.refunds", "warning", count=4, n_rows=9
        ... )
        'info'
        """
        known = CATALOGUE.get(rule)
        if known is None or known.is_fixed:
            return found
        own = (self.limits or {}).get(rule, Limits())
        bounds = (own.max_count, own.max_share)
        if bounds == (None, None):
            bounds = (known.max_count, known.max_share)
        max_count, max_share = bounds
        above = [count > max_count] if max_count is not None else []
        above += [count > max_share * n_rows] if max_share is not None else []
        if above and not any(above):
            return "info"
        return own.severity or found
