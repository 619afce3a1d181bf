"""Words in texts that people wrote: found whatever the capitals, accents, underscores, or missing blanks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["beginning_with", "plain_words"]


def plain_words(text: str) -> str:
    """Return a reason in small letters without accents, its words set apart: ``CustomerDied`` -> ``customer died``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", text))
    bare = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return " ".join(re.split(r"[\W_]+", bare.casefold())).strip()


def beginning_with(texts: Iterable[str]) -> re.Pattern[str]:
    """Return what finds a word that begins with one of the texts; a Chinese text may stand anywhere."""
    plain = sorted({plain_words(text) for text in texts} - {""})
    # The words of a Chinese text are not set apart.
    ways = [re.escape(text) if not text.isascii() else rf"\b{re.escape(text)}" for text in plain]
    return re.compile("|".join(ways) or r"(?!)")
