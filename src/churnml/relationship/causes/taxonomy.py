"""The causes of churn that the ledger knows, in which group they fall, and who can act on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Any, Literal

from churnml.matching import beginning_with, plain_words

__all__ = ["CAUSES", "CONTROLS", "UNKNOWN", "Control", "Taxonomy"]

Control = Literal["controllable", "not_controllable", "involuntary", "unknown"]
CONTROLS: tuple[Control, ...] = ("controllable", "not_controllable", "involuntary", "unknown")
UNKNOWN = "unknown"

_TABLE: Mapping[str, Any] = json.loads(
    resources.files("churnml.relationship.causes").joinpath("taxonomy.json").read_text(encoding="utf-8")
)
CAUSES: tuple[str, ...] = tuple(_TABLE["causes"])
"""Codes of causes, in the order in which a text is compared with them; ``unknown`` is the last."""


@dataclass(frozen=True)
class Taxonomy:
    """How texts become causes.

    Parameters
    ----------
    texts : mapping of str to str
        The project's own: text or beginning of a word -> code; they go before the known words.
    control : mapping of str to str
        Code -> who can act on it, where the company sees it otherwise.

    Examples
    --------
    >>> known = Taxonomy({"Kulanz": "complaint_handling"})
    >>> [known.of_text(text) for text in ("too expensive", "kulanz_abgelehnt", "???", None, "已破产")]
    ['price', 'complaint_handling', 'unknown', 'unknown', 'insolvency']
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    control: Mapping[Any, Control] = field(default_factory=dict)

    def of_text(self, text: str | None) -> str:
        """Return the cause that a text names; the first that fits, in the order of :data:`CAUSES`."""
        plain = plain_words(text or "")
        if not plain:
            return UNKNOWN
        own = next((code for pattern, code in self._own if pattern.search(plain)), None)
        return own or next((code for code, pattern in self._known if pattern.search(plain)), UNKNOWN)

    def of_reason(self, cause: str | None) -> str:
        """Return what a model's reason points to; most are signs of leaving, not causes, and stay unknown."""
        return str(_TABLE["of_model"].get(cause, UNKNOWN))

    def group_of(self, code: str) -> str:
        """Return ``company``, ``customer``, ``involuntary`` or ``unknown``."""
        return str(_TABLE["causes"][code]["group"])

    def control_of(self, code: str) -> Control:
        """Return who can act on a cause."""
        found: Control = self.control.get(code) or _TABLE["causes"][code]["control"]
        return found

    @cached_property
    def _own(self) -> list[tuple[Any, str]]:
        return [(beginning_with([text]), code) for text, code in self.texts.items()]

    @cached_property
    def _known(self) -> list[tuple[str, Any]]:
        # Death and insolvency first: "service ended, customer deceased" is no complaint about the service.
        grave = ("death", "insolvency")
        order = (*grave, *(code for code in CAUSES if code not in grave))
        return [(code, beginning_with(_TABLE["causes"][code]["stems"])) for code in order]
