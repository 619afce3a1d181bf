"""Where a CSV file that could not be read goes wrong: the slow second look, which names a line and quotes none."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path

from churnml.histories.contract import CsvDialect
from churnml.histories.csv_stream import MAX_FIELD_BYTES, MAX_LINE_BYTES, CsvFault, plain_bytes, wide_fields

__all__ = ["first_bad_line"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _Plain(io.RawIOBase):
    """The decompressed bytes of a file as a stream."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._raw = path.open("rb")
        self._blocks = plain_bytes(self._raw, compressed=path.suffix.lower() == ".gz")
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._held:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._held = block[1]
        n = min(len(buffer), len(self._held))
        buffer[:n], self._held = self._held[:n], self._held[n:]
        return n

    def close(self) -> None:
        self._raw.close()
        super().close()


def first_bad_line(path: Path, dialect: CsvDialect, *, n_columns: int | None) -> tuple[str, int | None] | None:
    """Say what is wrong with a CSV file and on which line, without quoting it.

    Parameters
    ----------
    path : Path
    dialect : CsvDialect
    n_columns : int or None
        Cells each row should have; None = not known.

    Returns
    -------
    tuple of (str, int or None), or None
        The problem and the 1-based line on which the row begins; None where every row is well formed.
    """
    try:
        line = _undecodable_line(path, dialect.encoding)
        if line is not None:
            begins_like = _marked_encoding(path)
            hint = f"; it begins like {begins_like}" if begins_like not in {None, dialect.encoding} else ""
            return f"not in the declared encoding ({dialect.encoding}){hint}", line
        with io.BufferedReader(_Plain(path)) as plain, io.TextIOWrapper(plain, _codec(dialect), newline="") as text:
            return _malformed_row(text, dialect.delimiter, n_columns=n_columns)
    except CsvFault as fault:
        return str(fault), None


def _codec(dialect: CsvDialect) -> str:
    """Return the declared codec; for UTF-8 the one that takes a byte-order mark off."""
    return "utf-8-sig" if codecs.lookup(dialect.encoding).name == "utf-8" else dialect.encoding


def _marked_encoding(path: Path) -> str | None:
    with _Plain(path) as plain:
        head = plain.read(4) or b""
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def _undecodable_line(path: Path, encoding: str) -> int | None:
    """Return the first line that is not in the encoding, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with io.BufferedReader(_Plain(path)) as plain:
        for block in iter(lambda: plain.read(MAX_FIELD_BYTES), b""):
            state = decoder.getstate()
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeError:
                decoder.setstate(state)
                return line + _lines_before_fault(decoder, block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        return line
    return None


def _lines_before_fault(decoder: codecs.IncrementalDecoder, block: bytes) -> int:
    """Return the line ends before the byte that cannot be decoded, fed one by one."""
    n_lines = 0
    for i in range(len(block)):
        try:
            n_lines += decoder.decode(block[i : i + 1]).count("\n")
        except UnicodeError:
            break
    return n_lines


def _bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield lines with their ends; one longer than the ceiling is a fault, not a reason to run out of memory."""
    for line in iter(lambda: text.readline(MAX_LINE_BYTES + 1), ""):
        if len(line) > MAX_LINE_BYTES:
            raise CsvFault(f"a line is longer than {MAX_LINE_BYTES >> 20} MB")
        yield line


def _malformed_row(text: io.TextIOWrapper, delimiter: str, *, n_columns: int | None) -> tuple[str, int | None] | None:
    rows = csv.reader(_bounded_lines(text), delimiter=delimiter, strict=True)
    begins = 1
    try:
        with wide_fields():
            for row in rows:
                if row and n_columns is not None and len(row) != n_columns:
                    return f"{len(row)} cells where the header has {n_columns}", begins
                if any("\x00" in cell for cell in row):
                    return "holds a NUL character", begins
                if any(len(cell) > MAX_FIELD_BYTES // 4 and len(cell.encode()) > MAX_FIELD_BYTES for cell in row):
                    return f"a field is longer than {MAX_FIELD_BYTES >> 20} MB", begins
                begins = rows.line_num + 1
    except csv.Error:
        return "a quote is not closed or a cell is not well formed", begins
    except CsvFault as fault:
        return str(fault), begins
    return None
