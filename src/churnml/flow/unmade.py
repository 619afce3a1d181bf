"""A list that cannot be made, and why, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from churnml.wording import words

__all__ = ["Unmade"]


@dataclass(frozen=True, slots=True)
class Unmade:
    """Name of a list that cannot be made, and why, as a key of the catalogue."""

    name: str
    why: str

    def sentence(self, language: str) -> str:
        """Return the sentence for people."""
        return words("team_list.missing", language, name=self.name, why=words(self.why, language))
