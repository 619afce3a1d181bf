"""Numbers that are named alike: the same thing in parts, or two sides of one thing, told from their names alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

__all__ = ["Alike", "named_alike"]

_LEAST_WORD = 2
_LEAST_AFFIX = 3
_LEAST_LONGER = 3
"""A longer affix of a part of the names makes a group of its own from so many more letters on: *day* in *totalday*."""
_MOST_MEMBERS = 12


@dataclass(frozen=True, slots=True)
class Alike:
    """Columns that share a word of their names.

    Parameters
    ----------
    stem : str
        What they share, in small letters.
    members : tuple of str
        Columns, in the order they were given; 2 to 12.
    """

    stem: str
    members: tuple[str, ...]


@cache
def named_alike(names: tuple[str, ...]) -> list[Alike]:
    """Return the groups of columns that share a word, the smallest and most specific ones first.

    Words end where letters meet other signs or figures, and where a small letter meets a capital one. Names of a
    single word may share its end or its beginning (3 letters or more); a Chinese character is as much as two
    letters. No row decides, so no later row can.

    Parameters
    ----------
    names : tuple of str

    Examples
    --------
    >>> for group in named_alike(("daymins", "daycalls", "evemins", "age")):
    ...     print(group.stem, *group.members)
    mins daymins evemins
    day daymins daycalls
    >>> [group.stem for group in named_alike(("MonthlyCharges", "TotalCharges", "jan_spend", "feb_spend"))]
    ['charges', 'spend']
    """
    words = [_words(name) for name in names]
    single = {place: own[0] for place, own in enumerate(words) if len(own) == 1}
    sharing = [_sharing(dict(enumerate(words)), least=_LEAST_WORD), *_affixes(single)]
    stems: dict[tuple[int, ...], str] = {}
    for found in sharing:
        for stem, places in found.items():
            # Of two words of the same columns the longer one says more, and the later one is the noun.
            if _weight(stem) >= _weight(stems.get(places, "")):
                stems[places] = stem
    order = sorted(stems, key=lambda places: (len(places), -_weight(stems[places]), places))
    return [Alike(stems[places], tuple(names[place] for place in places)) for places in order]


def _words(name: str) -> list[str]:
    """Return the words of a name in small letters; figures and other signs only part them."""
    parted = ""
    for before, char, after in zip(f" {name}", name, f"{name[1:]} ", strict=False):
        if before.isalpha() and char.isupper() and (before.islower() or after.islower()):
            parted += " "
        parted += char.lower() if char.isalpha() else " "
    return parted.split()


def _weight(text: str) -> int:
    """Return how much a text says, in letters: a sign that stands for a syllable or a word counts twice."""
    return sum(2 if char >= "\u2e80" else 1 for char in text)


def _sharing(stems: Mapping[int, Sequence[str]], *, least: int) -> dict[str, tuple[int, ...]]:
    """Return the places that share each stem, where they are neither too few nor too many."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, own in stems.items():
        for stem in dict.fromkeys(own):
            if _weight(stem) >= least:
                places[stem].append(place)
    return {stem: tuple(at) for stem, at in places.items() if 2 <= len(at) <= _MOST_MEMBERS}


def _affixes(single: Mapping[int, str]) -> Iterator[dict[str, tuple[int, ...]]]:
    """Yield who shares an end, and who shares a beginning, among names of a single word."""
    ends = {place: [word[at:] for at in range(len(word))] for place, word in single.items()}
    begins = {place: [word[: at + 1] for at in range(len(word))] for place, word in single.items()}
    for affixes, holds in ((ends, str.endswith), (begins, str.startswith)):
        yield _distinct(_sharing(affixes, least=_LEAST_AFFIX), holds)


def _distinct(found: Mapping[str, tuple[int, ...]], holds: Callable[[str, str], bool]) -> dict[str, tuple[int, ...]]:
    """Keep the longest affix of each group, and of groups within groups those that say clearly more."""
    longest: dict[tuple[int, ...], str] = {}
    for stem in sorted(found, key=lambda stem: (len(stem), stem)):
        longest[found[stem]] = stem
    kept: dict[str, tuple[int, ...]] = {}
    for places, stem in sorted(longest.items(), key=lambda item: (len(item[1]), item[1])):
        if all(not holds(stem, other) or _weight(stem) - _weight(other) >= _LEAST_LONGER for other in kept):
            kept[stem] = places
    return kept
