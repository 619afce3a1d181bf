"""A table with one row a customer and a column that says who left."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.onboarding.columns import Facts
from churnml.onboarding.definition import Churned
from churnml.onboarding.draft import Choice, Draft, Question
from churnml.onboarding.names import cell_words

__all__ = ["free_label", "label_of", "label_questions", "leave_out_told", "with_label"]

_LEFT = re.compile(
    r"churn|attrit|left|exit|gone|lost|cancel|laps|kündig|kuendig|abgewandert|流失|离网|退", re.IGNORECASE
)
_NOT_LEFT = re.compile(r"^(not?|non|un|nicht|未|没|exist|stay|active|retain)", re.IGNORECASE)
_RARER = "the rarer of its values: to be confirmed"
_TOLD_AUC, _LEAST = 0.95, 20
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
    return column.name, [levels[-1]], _RARER


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


def label_questions(churned: Churned) -> list[Question]:
    """Return what is open about a ready label."""
    values = churned.keys.get("label_values")
    if values is None or values.why != _RARER:
        return []
    column = churned.table.source.facts[str(churned.keys["label"].value)]
    return [Question("churn.label_values", "which value means that the customer left?", tuple(column.levels[::-1]))]


def leave_out_told(churned: Churned) -> list[Question]:
    """Leave out columns that rank customers by the outcome almost alone: they were told it."""
    draft = churned.table
    label = draft.source.facts[str(churned.keys["label"].value)]
    values = churned.keys.get("label_values")
    yes = {str(v) for v in values.value} if values is not None and isinstance(values.value, list) else None
    y = np.array([_is_yes(text, yes) for text in label.texts.to_pylist()])
    known, told = y >= 0, []
    if min((y == 1).sum(), (y == 0).sum()) < _LEAST:
        return []
    for name in [*draft.columns("numbers"), *draft.columns("categories")]:
        auc = _alone(draft.source.facts[name], y, known)
        if max(auc, 1 - auc) >= _TOLD_AUC:
            draft.no_feature(name)
            draft.left_out[name] = f"ranks by the outcome alone (AUC {max(auc, 1 - auc):.2f}): it was told it"
            told.append(name)
    text = "left out, because they tell the outcome: take them in again if they were known before it"
    place = f"histories.tables.{draft.name}"
    return [Question(place, f"{', '.join(told)}: {text}")] if told else []


def _is_yes(text: str | None, yes: set[str] | None) -> int:
    if text is None:
        return -1
    if yes is not None:
        return int(text in yes)
    return int(text.strip().lower() in {"yes", "true", "t", "1", "churned", "y"})


def _alone(facts: Facts, y: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]) -> float:
    """Return how well a column alone ranks the outcome; of a category, by the rate of its levels."""
    if facts.kind == "number" and facts.values is not None:
        score = np.nan_to_num(facts.values.astype(np.float64), nan=-np.inf)
    else:
        codes = pc.fill_null(facts.texts.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False) + 1
        n = np.bincount(codes[known], minlength=codes.max() + 1)
        score = (np.bincount(codes[known], weights=y[known], minlength=len(n)) / np.maximum(n, 1))[codes]
    ranks = pc.rank(pa.array(score[known]), tiebreaker="min").to_numpy().astype(np.float64)
    ranks += pc.rank(pa.array(score[known]), tiebreaker="max").to_numpy()
    churned = y[known] == 1
    n_1, n_0 = churned.sum(), (~churned).sum()
    return float((ranks[churned].sum() / 2 - n_1 * (n_1 + 1) / 2) / (n_1 * n_0))
