"""How a foreign CSV file is written: its encoding by its bytes, its delimiter by its rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from churnml.errors import DataError
from churnml.histories.contract import CsvDialect
from churnml.histories.csv_stream import CsvFault, plain_bytes, wide_fields

__all__ = ["Written", "dialect_of"]

_HEAD_BYTES = 1 << 18
_DELIMITERS = (",", ";", "\t", "|", "^", "~")
_UNDEFINED_1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
_HIGH = re.compile(rb"[\x80-\xff]+")
_ROWS = 300


@dataclass(frozen=True, slots=True)
class Written:
    """How a file is written.

    Parameters
    ----------
    dialect : CsvDialect
        Encoding and delimiter; the rest follows from the cells.
    why : str
        The reason, without any cell value.
    is_sure : bool
    """

    dialect: CsvDialect
    why: str
    is_sure: bool = True


def dialect_of(path: Path) -> Written:
    """Look at the bytes of a CSV file.

    Parameters
    ----------
    path : Path
        Read once from end to end; a ``.gz`` is decompressed on the way.

    Raises
    ------
    DataError
        If it is compressed data that is damaged, or has no rows.
    """
    encoding, head, is_sure = _encoding(path)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head).removeprefix("\ufeff")
    if not text.strip():
        raise DataError("is empty", rule="data.empty", file=path.name, next_step="Deliver a file with a header.")
    delimiter, share = _delimiter(text, is_whole=len(head) < _HEAD_BYTES)
    shown = "tab" if delimiter == "\t" else delimiter
    why = f"encoding {encoding} by its bytes; {share:.0%} of the first rows have the header's columns with '{shown}'"
    return Written(CsvDialect(delimiter=delimiter, encoding=encoding), why, is_sure)


def _encoding(path: Path) -> tuple[str, bytes, bool]:
    """Return encoding, first bytes and whether the bytes leave no doubt."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    head, is_utf8, evidence = b"", True, Counter[str]()
    try:
        with path.open("rb") as raw:
            for _, plain in plain_bytes(raw, compressed=path.suffix.lower() == ".gz"):
                if not head and (wide := _wide(plain)):
                    return wide, plain[:_HEAD_BYTES], True
                head = head or plain[:_HEAD_BYTES]
                is_utf8 = is_utf8 and _decodes(decoder, plain)
                if not is_utf8:
                    _look(plain, evidence)
    except CsvFault as fault:
        raise DataError(str(fault), rule="data.damaged", file=path.name, next_step="Deliver it again.") from fault
    if is_utf8:
        return "utf-8", head, True
    if evidence["pairs"] >= 0.9 * (evidence["pairs"] + evidence["single"]):
        return "gb18030", head, True
    return ("latin-1" if evidence["undefined"] else "cp1252"), head, False


def _wide(start: bytes) -> str | None:
    """Return the encoding of two bytes a character, by its mark or by the noughts of Latin text."""
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    some = start[:2000]
    if len(some) > 20 and some[1::2].count(0) > 0.4 * len(some) / 2:
        return "utf-16-le"
    return "utf-16-be" if len(some) > 20 and some[::2].count(0) > 0.4 * len(some) / 2 else None


def _decodes(decoder: codecs.IncrementalDecoder, data: bytes) -> bool:
    try:
        decoder.decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _look(data: bytes, evidence: Counter[str]) -> None:
    """Count bytes above 127: Chinese text has them in pairs, an umlaut stands alone."""
    for run in _HIGH.findall(data):
        is_pairs = len(run) % 2 == 0 and all(byte >= 0xA1 for byte in run)
        evidence["pairs" if is_pairs else "single"] += 1
        evidence["undefined"] += any(byte in _UNDEFINED_1252 for byte in run)


def _delimiter(text: str, *, is_whole: bool) -> tuple[str, float]:
    """Return the delimiter with which most rows have as many cells as the header, and the share that do."""
    lines = text if is_whole else text[: text.rfind("\n") + 1] or text
    best, best_key, share = ",", (0.0, 0), 1.0
    for delimiter in _DELIMITERS:
        with wide_fields():
            try:
                rows = [row for row, _ in zip(csv.reader(io.StringIO(lines), delimiter=delimiter), range(_ROWS))]  # noqa: B905
            except csv.Error:
                continue
        counts = [len(row) for row in rows if row]
        if not counts or counts[0] < 2:
            continue
        same = sum(n == counts[0] for n in counts) / len(counts)
        key = (round(same, 1), counts[0])
        if key > best_key:
            best, best_key, share = delimiter, key, same
    return best, share
