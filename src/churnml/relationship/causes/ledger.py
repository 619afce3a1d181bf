"""The ledger put together from what was said and what a model points to, and its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from churnml.relationship.causes.cost import LostCost
from churnml.relationship.causes.stated import SOURCES, Source
from churnml.relationship.causes.taxonomy import CAUSES, CONTROLS, UNKNOWN, Taxonomy

__all__ = ["LEDGER", "Confidence", "Entry", "Loss", "entries_of", "figures_of", "measured_confidence"]

LEDGER = (
    *("customer_id", "lost_on", "last_seen", "returned", "cause", "group", "control", "source", "confidence"),
    *("stated", "margin_lost", "replacement_cost", "word_of_mouth", "cost"),
)
"""Columns of the ledger, in order."""

_FEWEST_TO_JUDGE = 20


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and everything that may tell its cause.

    Parameters
    ----------
    customer : str
    lost_on, last_seen : str
        ISO days.
    returned : bool
        Whether the customer was back by the end of the history.
    text : str or None
        What was stated.
    source : str or None
        By whom.
    reason : str or None
        The churn model's first cause at the last observation before the loss.
    cost : LostCost
    """

    customer: str
    lost_on: str
    last_seen: str
    returned: bool
    text: str | None
    source: Source | None
    reason: str | None
    cost: LostCost


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a cause is, by what it rests on; ``model`` is measured, None where too few losses can tell."""

    survey: float
    crm: float
    model: float | None
    n_compared: int

    def of(self, source: Source | None) -> float | None:
        """Return the confidence of a source."""
        if source is None:
            return None
        return {"survey": self.survey, "crm": self.crm, "end_reason": self.crm, "model": self.model}[source]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    loss: Loss
    cause: str
    group: str
    control: str
    source: Source | None
    confidence: float | None

    def row(self) -> dict[str, Any]:
        """Return the columns :data:`LEDGER`."""
        cost = self.loss.cost
        values = (
            *(self.loss.customer, self.loss.lost_on, self.loss.last_seen, self.loss.returned),
            *(self.cause, self.group, self.control, self.source, self.confidence, self.loss.text),
            *(cost.margin, cost.replacement, cost.word_of_mouth, cost.total),
        )
        return dict(zip(LEDGER, values, strict=True))


def measured_confidence(losses: Iterable[Loss], taxonomy: Taxonomy) -> tuple[float | None, int]:
    """Return how often the model's cause is the stated one, where both are known, and in how many losses that is so.

    The share is that of agreements with one added on either side (Laplace's rule of succession); fewer than 20 losses
    cannot tell.
    """
    pairs = [(taxonomy.of_text(loss.text), taxonomy.of_reason(loss.reason)) for loss in losses]
    pairs = [pair for pair in pairs if UNKNOWN not in pair]
    agreed = sum(stated == told for stated, told in pairs)
    return ((agreed + 1) / (len(pairs) + 2) if len(pairs) >= _FEWEST_TO_JUDGE else None), len(pairs)


def entries_of(
    losses: Sequence[Loss], taxonomy: Taxonomy, *, survey_confidence: float, crm_confidence: float
) -> tuple[list[Entry], Confidence]:
    """Return the ledger, by day and customer, and what its confidences rest on.

    What was stated goes before what a model points to; where neither names a cause it is ``unknown``, which is counted
    like any other.
    """
    measured, n = measured_confidence(losses, taxonomy)
    confidence = Confidence(survey_confidence, crm_confidence, measured, n)
    found = []
    for loss in sorted(losses, key=lambda each: (each.lost_on, each.customer)):
        cause, source = taxonomy.of_text(loss.text), loss.source
        if cause == UNKNOWN:
            cause = taxonomy.of_reason(loss.reason)
            source = "model" if cause != UNKNOWN else loss.source if loss.text else None
        sure = confidence.of(source) if cause != UNKNOWN else None
        found.append(Entry(loss, cause, taxonomy.group_of(cause), taxonomy.control_of(cause), source, sure))
    return found, confidence


def figures_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return counts and costs: in all, by control, group, cause and source; each adds up to the whole.

    Returns
    -------
    dict
        ``losses``, ``returned``, ``cost`` (its parts and ``total``, decimal text), ``by_control``, ``by_group``,
        ``by_cause``, ``by_source``: code -> ``losses`` and ``cost``, codes without a loss left out; and ``unmapped``:
        how many stated texts name no known cause; ``controllable_by_model``: how many are controllable only
        because a model points that way.
    """
    keys: Mapping[str, Callable[[Entry], str]] = {
        "control": lambda e: e.control,
        "group": lambda e: e.group,
        "cause": lambda e: e.cause,
        "source": lambda e: e.source or "none",
    }
    # A text that names no cause is no cause: nobody should think it was understood.
    unmapped = sum(e.loss.text is not None and e.source != "model" and e.cause == UNKNOWN for e in entries)
    found: dict[str, Any] = {
        "losses": len(entries),
        "returned": sum(entry.loss.returned for entry in entries),
        "cost": _cost_parts(entries),
        "unmapped": unmapped,
        "controllable_by_model": sum(e.control == "controllable" and e.source == "model" for e in entries),
    }
    order = {"control": CONTROLS, "group": ("company", "customer", "involuntary", UNKNOWN), "cause": CAUSES}
    order |= {"source": (*SOURCES, "none")}
    for name, key in keys.items():
        counts = Counter(key(entry) for entry in entries)
        found[f"by_{name}"] = {
            code: {"losses": counts[code], "cost": str(_total(e for e in entries if key(e) == code))}
            for code in order[name]
            if counts[code]
        }
    return found


def _cost_parts(entries: Sequence[Entry]) -> dict[str, str]:
    parts = ("margin", "replacement", "word_of_mouth", "total")
    return {part: str(sum((getattr(e.loss.cost, part) for e in entries), Decimal("0.00"))) for part in parts}


def _total(entries: Iterable[Entry]) -> Decimal:
    return sum((entry.loss.cost.total for entry in entries), Decimal("0.00"))
