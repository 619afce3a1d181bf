"""What a phone team or a CRM says of contacts, in its own headers and words, as roles and outcomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Any, Literal, get_args

from churnml.campaign.told import OUTCOMES, ContactOutcome
from churnml.matching import plain_words
from churnml.wording import LANGUAGES, catalogue, words

__all__ = ["ROLES", "ContactRole", "ToldWords"]

ContactRole = Literal["customer_id", "outcome", "at", "owner", "channel", "list"]
ROLES: tuple[ContactRole, ...] = get_args(ContactRole)

_KNOWN: Mapping[str, Mapping[str, Sequence[str]]] = json.loads(
    resources.files("churnml.campaign").joinpath("told_words.json").read_text(encoding="utf-8")
)
_OWN_TITLES = {"customer_id": "customer_id", "owner": "owner", "channel": "channel", "list": "campaign"}
"""Role -> column of our own lists, whose title a file has that was one of them."""


@dataclass(frozen=True)
class ToldWords:
    """How headers and cells of a file of outcomes are understood: whole words, never parts of them.

    Parameters
    ----------
    columns : mapping of str to str
        Role -> header, where a file has other ones.
    outcomes : mapping of str to str
        The project's own text -> outcome; they go before the known ones.

    Examples
    --------
    >>> told = ToldWords(outcomes={"Zusage": "accepted"})
    >>> [told.outcome_of(text) for text in ("zusage", "No answer", "not accepted", "已接受")]
    ['accepted', 'not_reached', None, 'accepted']
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)

    def roles(self, headers: Sequence[str]) -> dict[str, str]:
        """Return role -> header of a file; a role that it has no column for is left out.

        A header named in ``columns`` that is not there is left out as well, and no other one is taken in its place.
        """
        plain = {plain_words(name): name for name in reversed(headers)}
        found: dict[str, str] = {}
        for role in ROLES:
            if role in self.columns:
                if self.columns[role] in headers:
                    found[role] = self.columns[role]
                continue
            own = [words(f"column.{_OWN_TITLES[role]}", each) for each in LANGUAGES] if role in _OWN_TITLES else []
            names = (plain_words(text) for text in (*_KNOWN["headers"][role], *own))
            first = next((plain[name] for name in names if name in plain), None)
            if first is not None:
                found[role] = first
        return found

    def outcome_of(self, text: str) -> ContactOutcome | None:
        """Return the outcome that a text names; None where it is not known."""
        found: Any = self._outcomes.get(plain_words(text))
        return found  # type: ignore[no-any-return]

    def channel_of(self, text: str | None) -> str | None:
        """Return the code of a channel by its code or its words; None where it is none that is known."""
        return _channels().get(plain_words(text or ""))

    @cached_property
    def _outcomes(self) -> dict[str, str]:
        known = {plain_words(text): code for code, texts in _KNOWN["outcomes"].items() for text in texts}
        known |= {plain_words(code): code for code in OUTCOMES}
        return known | {plain_words(text): code for text, code in self.outcomes.items()}


def _channels() -> dict[str, str]:
    codes = [key.removeprefix("channel.") for key in catalogue() if key.startswith("channel.")]
    codes.remove("unassigned")
    told = {plain_words(words(f"channel.{code}", each)): code for code in codes for each in LANGUAGES}
    return told | {plain_words(code): code for code in codes} | {"call": "phone"}
