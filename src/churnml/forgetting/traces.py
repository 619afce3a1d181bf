"""By what a person is found: ids, and contact data in every form in which a file may hold them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from mmap import mmap
from urllib.parse import quote

from churnml.exports.crm.audiences import FORMS, hashed
from churnml.exports.crm.people import Unfit

__all__ = ["Traces", "is_telling", "traces_of"]

Searchable = bytes | mmap

_FEW = 64
"""Up to so many words are looked for one by one; more of them by the words a file is made of."""
_LEAST = 6
_DIGITS = 8
_HEAD = 4096
_ALNUM = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_ATOM = re.compile(rb"[0-9A-Za-z]+")
_FORMS = {"email": ("email", "email_no_spaces"), "phone": ("phone_plus", "phone_digits"), "name": ("name",)}


@dataclass(frozen=True)
class Traces:
    """What tells that a file is about a person.

    Parameters
    ----------
    ids : frozenset of str
        Looked for in columns of ids, whatever they look like.
    words : frozenset of str
        Looked for everywhere: what would hardly stand in a file by chance.
    """

    ids: frozenset[str]
    words: frozenset[str]

    @property
    def short_ids(self) -> frozenset[str]:
        """Return the ids that may be ordinary numbers or words: in running text they prove nothing."""
        return self.ids - self.words

    def in_bytes(self, data: Searchable) -> bool:
        """Return whether one of the words stands in some bytes, in a text not as a part of a longer word."""
        if data[:_HEAD].find(b"\0") >= 0:  # no text: values may stand side by side with nothing between them
            return any(data.find(needle) >= 0 for needle in self._needles.all)
        return _stands_in(data, self._needles)

    def perhaps_in_bytes(self, data: Searchable) -> bool:
        """Return the same, also for ids that may stand there by chance."""
        return self.in_bytes(data) or _stands_in(data, self._short_needles)

    def in_text(self, text: str) -> bool:
        """Return whether one of the words stands in a text."""
        return self.in_bytes(text.encode("utf-8", errors="replace"))

    def scrubbed(self, text: str) -> str:
        """Return a text with the words taken out of it."""
        if not self.in_text(text):
            return text
        return self._pattern.sub("", text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = sorted(self.words, key=len, reverse=True)
        return re.compile("|".join(_apart(word) for word in words) or r"(?!)")

    @cached_property
    def _needles(self) -> _Needles:
        return _Needles({form for word in self.words for form in _written(word)})

    @cached_property
    def _short_needles(self) -> _Needles:
        return _Needles({form for word in self.short_ids for form in _written(word)})


class _Needles:
    """Byte strings to be found, sorted by the plain word they begin with."""

    def __init__(self, needles: Collection[bytes]) -> None:
        self.all = sorted(needles)
        self.of_atom: dict[bytes, list[tuple[int, bytes]]] = {}
        self.without_atom: list[bytes] = []
        for needle in self.all:
            first = _ATOM.search(needle)
            if first is None:
                self.without_atom.append(needle)
            else:
                self.of_atom.setdefault(first.group(), []).append((first.start(), needle))


def _stands_in(data: Searchable, needles: _Needles) -> bool:
    if len(needles.all) <= _FEW:
        return any(_found(data, needle) for needle in needles.all)
    if any(_found(data, needle) for needle in needles.without_atom):
        return True
    for atom in _ATOM.finditer(data):
        for before, needle in needles.of_atom.get(atom.group(), ()):
            at = atom.start() - before
            if at >= 0 and data[at : at + len(needle)] == needle and _is_apart(data, at, needle):
                return True
    return False


def _found(data: Searchable, needle: bytes) -> bool:
    at = data.find(needle)
    while at >= 0:
        if _is_apart(data, at, needle):
            return True
        at = data.find(needle, at + 1)
    return False


def _is_apart(data: Searchable, at: int, needle: bytes) -> bool:
    """Return whether what stands at a place is no part of a longer word or number."""
    end = at + len(needle)
    joins_before = needle[0] in _ALNUM and at > 0 and data[at - 1] in _ALNUM
    joins_after = needle[-1] in _ALNUM and end < len(data) and data[end] in _ALNUM
    return not (joins_before or joins_after)


def _written(word: str) -> Iterator[bytes]:
    """Yield how files write a word: plain, in pages, in JSON, in addresses, in other encodings."""
    for text in {word, html.escape(word), json.dumps(word)[1:-1], quote(word), quote(word, safe="")}:
        yield text.encode("utf-8")
    for encoding in ("latin-1", "utf-16-le", "utf-16-be"):
        try:
            yield word.encode(encoding)
        except UnicodeEncodeError:
            continue


def _apart(word: str) -> str:
    """Return a pattern for a word that is no part of a longer one."""
    before = r"(?<![0-9A-Za-z])" if word[0].isascii() and word[0].isalnum() else ""
    after = r"(?![0-9A-Za-z])" if word[-1].isascii() and word[-1].isalnum() else ""
    return before + re.escape(word) + after


def is_telling(word: str) -> bool:
    """Return whether a word would hardly stand in a file by chance.

    Examples
    --------
    >>> [is_telling(word) for word in ("C0000017", "17850", "4917012345", "NL-7", "")]
    [True, False, True, False, False]
    """
    plain = [each for each in word if each.isalnum()]
    if len(plain) < (_DIGITS if all(each.isdigit() for each in plain) else _LEAST):
        # Two signs of Chinese are a name.
        return len(plain) > 1 and not any(each.isascii() for each in plain)
    return True


def traces_of(ids: Iterable[str], contacts: Mapping[str, Collection[str]], *, country: str = "") -> Traces:
    """Return by what persons are found.

    Parameters
    ----------
    ids : iterable of str
    contacts : mapping of str to collection of str
        ``name``, ``email`` and ``phone``: values that are theirs alone.
    country : str, optional
        Of telephone numbers without a country code, two letters.
    """
    known = frozenset(ids)
    words = {word for word in known if is_telling(word)}
    for role, values in contacts.items():
        for value in values:
            words |= {form for form in _forms(role, value, country) if is_telling(form)}
    return Traces(known, frozenset(words))


def _forms(role: str, value: str, country: str) -> Iterator[str]:
    """Yield a value as delivered, as CRMs want it, and as advertising platforms get it hashed."""
    yield value
    yield value.strip()
    yield value.lower()
    for name in _FORMS.get(role, ()):
        try:
            form = FORMS[name](value.strip(), country)
        except Unfit:
            continue
        yield form
        if role != "name":
            yield hashed(form)
