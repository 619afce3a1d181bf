"""What the cells of one column are: times, numbers or texts, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.cells import in_microseconds, plain, text_cells, time_cells, to_utc
from churnml.onboarding.names import cell_words, hints
from churnml.onboarding.numerals import Numerals, numerals_of
from churnml.onboarding.times import TimeFormat, time_format_of

__all__ = ["Facts", "facts_of"]

_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PHONE = r"^\+?[\d\s()/.-]{7,20}$"
_CODE = re.compile(r"^0\d+$")
_MOST_TEXTS = 2_000
_TOKEN_SHARE = 0.05


@dataclass(frozen=True)
class Facts:
    """One column of a sample.

    Parameters
    ----------
    name : str
    kind : {"time", "number", "text", "flag", "empty"}
    cells : pyarrow.Array
        Texts as they are written, or the stored values; missing ones null.
    n_missing : int
    nulls : tuple of str
        Texts found that mean "no value".
    numerals : Numerals, optional
        How numbers are written.
    time : TimeFormat, optional
    values : ndarray, optional
        Numbers, or instants in microseconds, of the cells that are there; for every row, missing ones NaN or least.
    """

    name: str
    kind: str
    cells: pa.Array
    n_missing: int
    nulls: tuple[str, ...] = ()
    numerals: Numerals | None = None
    time: TimeFormat | None = None
    values: npt.NDArray[np.generic] | None = None
    is_stored: bool = False
    hints: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def texts(self) -> pa.Array:
        """Return the cells as text, as an id is read."""
        return text_cells(self.cells, ("", *self.nulls))

    @cached_property
    def n_distinct(self) -> int:
        """Return how many different cells there are."""
        return int(pc.count_distinct(self.texts, mode="only_valid").as_py())

    @property
    def n_there(self) -> int:
        """Return how many cells are not empty."""
        return len(self.cells) - self.n_missing

    @property
    def missing_share(self) -> float:
        """Return the share of empty cells."""
        return self.n_missing / len(self.cells) if len(self.cells) else 1.0

    @cached_property
    def repeats(self) -> float:
        """Return rows per different cell."""
        return self.n_there / self.n_distinct if self.n_distinct else 0.0

    @cached_property
    def levels(self) -> list[str]:
        """Return the different texts, the most frequent first, at most 50."""
        counts = pc.value_counts(pc.drop_null(self.texts)).to_pylist()
        return [c["values"] for c in sorted(counts, key=lambda c: (-c["counts"], c["values"]))[:50]]

    @cached_property
    def mean_length(self) -> float:
        """Return the mean length of the texts."""
        return float(pc.mean(pc.utf8_length(self.texts)).as_py() or 0.0)

    @cached_property
    def is_whole(self) -> bool:
        """Return whether all numbers are whole."""
        if self.kind != "number" or self.values is None:
            return False
        known = self.values[~np.isnan(self.values)]
        return bool(len(known) and (known == np.floor(known)).all())

    def share_like(self, pattern: str) -> float:
        """Return the share of texts that match."""
        there = pc.drop_null(self.texts)
        return float(pc.mean(pc.match_substring_regex(there, pattern).cast(pa.float64())).as_py() or 0.0)

    @cached_property
    def is_email(self) -> bool:
        """Return whether the cells are e-mail addresses."""
        return self.kind == "text" and self.share_like(_EMAIL) > 0.8

    @cached_property
    def is_phone(self) -> bool:
        """Return whether the cells are telephone numbers, by name and cells."""
        return "phone" in self.hints and self.kind in {"text", "number"} and self.share_like(_PHONE) > 0.8


def facts_of(name: str, column: pa.ChunkedArray) -> Facts:
    """Return what a column is.

    Parameters
    ----------
    name : str
    column : pyarrow.ChunkedArray
        As stored.
    """
    raw = plain(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    raw = pa.concat_arrays(raw.chunks) if isinstance(raw, pa.ChunkedArray) else raw
    found = hints(name)
    if pa.types.is_string(raw.type):
        return _of_text(name, text_cells(pc.utf8_trim_whitespace(raw), ("",)), found)
    kind = "text"
    values: npt.NDArray[np.generic] | None = None
    if pa.types.is_timestamp(raw.type) or pa.types.is_date(raw.type):
        kind, values = "time", _times(to_utc(in_microseconds(raw), "UTC"))
    elif pa.types.is_boolean(raw.type):
        kind = "flag"
    elif pa.types.is_integer(raw.type) or pa.types.is_floating(raw.type) or pa.types.is_decimal(raw.type):
        kind, values = "number", _floats(raw.cast(pa.float64(), safe=False))
    n_missing = raw.null_count
    if kind == "number" and values is not None:
        n_missing = int(np.isnan(values.astype(np.float64)).sum())
    if n_missing == len(raw):
        kind = "empty"
    return Facts(name, kind, raw, n_missing, values=values, is_stored=True, hints=found)


def _times(times: pa.Array) -> npt.NDArray[np.int64]:
    """Return instants in microseconds, missing ones as the least number."""
    return pc.fill_null(times.cast(pa.int64()), np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _floats(numbers: pa.Array) -> npt.NDArray[np.float64]:
    return pc.fill_null(numbers, float("nan")).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _of_text(name: str, cells: pa.Array, found: frozenset[str]) -> Facts:
    distinct = pc.drop_null(pc.unique(cells)).to_pylist()
    if not distinct:
        return Facts(name, "empty", cells, cells.null_count, hints=found)
    tokens = [text for text in distinct if text in cell_words("null")]
    others = [text for text in distinct if text not in cell_words("null")]
    for nulls, texts in ((tuple(sorted(tokens)), others), *_with_odd_ones(cells, tokens, others)):
        read = _read(name, cells, nulls, texts, found) if texts else None
        if read is not None:
            return read
    nulls = tuple(sorted(set(tokens) & cell_words("null_for_sure")))
    cells = text_cells(cells, ("", *nulls))
    kind = "empty" if cells.null_count == len(cells) else "text"
    return Facts(name, kind, cells, cells.null_count, nulls, hints=found)


def _with_odd_ones(cells: pa.Array, tokens: list[str], texts: list[str]) -> list[tuple[tuple[str, ...], list[str]]]:
    """Return the same cells without a few words among figures, which then mean "no value" too."""
    words = [text for text in texts if not any(letter.isdigit() for letter in text)]
    if not 0 < len(words) <= 3 or len(words) == len(texts):
        return []
    n_odd = int(pc.sum(pc.is_in(cells, value_set=pa.array(words)).cast(pa.int64())).as_py())
    if n_odd > _TOKEN_SHARE * len(cells):
        return []
    return [(tuple(sorted([*tokens, *words])), [text for text in texts if text not in words])]


def _read(
    name: str, cells: pa.Array, nulls: tuple[str, ...], texts: Sequence[str], found: frozenset[str]
) -> Facts | None:
    """Return the column as times or as numbers, where every text is one."""
    step = max(1, len(texts) // _MOST_TEXTS)
    time = time_format_of(texts[::step][:_MOST_TEXTS], is_named_time=bool(found & {"time", "start", "end", "joined"}))
    if time is not None:
        there = text_cells(cells, ("", *nulls))
        _, times = time_cells(there, time_format=time.pattern, timezone="UTC", null_values=("",))
        return Facts(name, "time", there, there.null_count, nulls, None, time, _times(times), hints=found)
    if any(_CODE.match(text) for text in texts[:_MOST_TEXTS]) and not any("." in t or "," in t for t in texts[:50]):
        return None  # leading zeros: a code, no quantity
    numerals = numerals_of(texts)
    if numerals is None:
        return None
    there = text_cells(cells, ("", *nulls))
    return Facts(name, "number", there, there.null_count, nulls, numerals, None, numerals.read(there), hints=found)
