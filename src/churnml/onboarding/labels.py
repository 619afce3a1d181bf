"""A table with one row a customer and a column that says who left."""

from __future__ import annotations

import re

from churnml.onboarding.definition import Churned
from churnml.onboarding.draft import Choice, Draft
from churnml.onboarding.names import cell_words

__all__ = ["free_label", "label_of", "with_label"]

_LEFT = re.compile(
    r"churn|attrit|left|exit|gone|lost|cancel|laps|kündig|kuendig|abgewandert|流失|离网|退", re.IGNORECASE
)
_NOT_LEFT = re.compile(r"^(not?|non|un|nicht|未|没|exist|stay|active|retain)", re.IGNORECASE)
_PLAIN = {"yes", "true", "t", "1", "churned", "no", "false", "f", "0"}


def label_of(draft: Draft, *, named: str | None = None) -> tuple[str, list[str], str] | None:
    """Return the column of a ready label, the values that mean churned where they must be declared, and why."""
    facts = draft.source.facts
    found = [f for f in facts.values() if "label" in f.hints and f.n_distinct == 2 and f.name != draft.column("id")]
    found.sort(key=lambda f: (not re.fullmatch(r"(is_?)?churn(ed)?", f.name, re.IGNORECASE), f.missing_share))
    column = facts.get(named) if named else (found[0] if found else None)
    if column is None:
        return None
    levels = column.levels
    if all(level.strip().lower() in _PLAIN for level in levels):
        return column.name, [], "two values, yes and no"
    agreed = [level for level in levels if level.strip().lower() in cell_words("yes")]
    if len(agreed) == 1:
        return column.name, agreed, "the value that means yes"
    spoken = [v for v in levels if _LEFT.search(v) and not _NOT_LEFT.search(v.strip())]
    if len(spoken) == 1:
        return column.name, spoken, "the value that speaks of leaving"
    return column.name, [levels[-1]], "the rarer of its values: to be confirmed"


def free_label(customers: Draft, column: str) -> None:
    """Take the outcome out of what is learned from."""
    customers.no_feature(column)
    customers.left_out.pop(column, None)


def with_label(customers: Draft, column: str, values: list[str], why: str) -> Churned:
    """Return the definition by a ready label."""
    keys = {
        "definition": Choice("label", f"one row per customer and a column that says who left: {why}"),
        "table": Choice(customers.name),
        "label": Choice(column),
    }
    if values:
        keys["label_values"] = Choice(values, why)
    return Churned(keys, customers)
