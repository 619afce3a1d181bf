"""The bytes of a CSV file on their way to Arrow: read once, digested, decompressed, made UTF-8, watched."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from churnml.histories.contract import CsvDialect

__all__ = ["MAX_FIELD_BYTES", "MAX_LINE_BYTES", "CsvFault", "CsvStream", "plain_bytes", "wide_fields"]

MAX_LINE_BYTES = 8 << 20
MAX_FIELD_BYTES = 1 << 20
_MAX_EXPANSION = 200
_FREE_BYTES = 64 << 20
"""A compressed file may grow this much whatever its ratio; a small one of many equal rows is no bomb."""
_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 16
_QUOTE, _NUL = 0x22, b"\x00"
_BYTE_ORDER_MARK = codecs.BOM_UTF8


class CsvFault(ValueError):
    """What is wrong with a file as a whole, in words that may be shown."""


@contextmanager
def wide_fields() -> Iterator[None]:
    """Let Python's own reader take fields up to our ceiling; its limit is one for the whole process."""
    before = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def plain_bytes(raw: BinaryIO, *, compressed: bool) -> Iterator[tuple[bytes, bytes]]:
    """Yield a file in pieces: as stored, and decompressed.

    Raises
    ------
    CsvFault
        If the compressed data are damaged, cut, or grow beyond what tables do.
    """
    if not compressed:
        yield from ((block, block) for block in iter(lambda: raw.read(_CHUNK_BYTES), b""))
        return
    n_stored = n_plain = 0
    member = zlib.decompressobj(wbits=31)
    for block in iter(lambda: raw.read(_CHUNK_BYTES // 8), b""):
        n_stored += len(block)
        left, stored = block, block
        while left:
            if member.eof:  # compressed files may be joined end to end
                member = zlib.decompressobj(wbits=31)
            try:
                plain = member.decompress(left, _CHUNK_BYTES)
            except zlib.error as error:
                raise CsvFault("damaged or no gzip file") from error
            n_plain += len(plain)
            if n_plain > max(_FREE_BYTES, _MAX_EXPANSION * n_stored):
                raise CsvFault(f"grows to more than {_MAX_EXPANSION} times its size when it is decompressed")
            left = member.unused_data if member.eof else member.unconsumed_tail
            yield stored, plain
            stored = b""
    if not member.eof:
        raise CsvFault("the gzip file is cut off")


class CsvStream(io.RawIOBase):
    """A CSV file as UTF-8 without its header, for one reader from start to end.

    Parameters
    ----------
    path : Path
        A name that ends in ``.gz`` is decompressed on the way.
    dialect : CsvDialect

    Attributes
    ----------
    header : list of str
        Names of the first row that is not empty.
    fault : Exception or None
        Why reading stopped, where it did; Arrow's own words for it would quote the data.
    """

    def __init__(self, path: Path, dialect: CsvDialect) -> None:
        super().__init__()
        self._raw = path.open("rb")
        self._blocks = plain_bytes(self._raw, compressed=path.suffix.lower() == ".gz")
        self._decoder = _decoder(dialect.encoding)
        self._digest = hashlib.sha256()
        self._held = b""
        self._is_start = True
        self._is_end = False
        self._n_quotes = 0
        self._last = b""
        self.fault: Exception | None = None
        try:
            self.header = self._take_header(dialect.delimiter)
        except BaseException:
            self._raw.close()
            raise

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the stored bytes read so far; after the last read, that of the file."""
        return self._digest.hexdigest()

    @property
    def position(self) -> int:
        """Return how many of the stored bytes have been read."""
        return self._raw.tell()

    @property
    def is_unfinished(self) -> bool:
        """Return whether the last row read so far has no line end, as in a file that was cut."""
        return self._last not in b"\r\n"

    @property
    def has_odd_quotes(self) -> bool:
        """Return whether the quotes read so far do not come in pairs."""
        return self._n_quotes % 2 == 1

    def has_rows(self) -> bool:
        """Return whether anything but empty lines follows the header; Arrow takes nothing for a damaged file."""
        with self._noting_faults():
            while not self._held.lstrip(b"\r\n") and not self._is_end:
                self._held = b""
                self._fetch()
        return bool(self._held.strip(b"\r\n"))

    def readable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Close the file too."""
        self._raw.close()
        super().close()

    def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end; Arrow takes a row that fits into one such piece."""
        pieces, n_bytes = [self._held], len(self._held)
        with self._noting_faults():
            while (size < 0 or n_bytes < size) and not self._is_end:
                self._held = b""
                self._fetch()
                pieces.append(self._held)
                n_bytes += len(self._held)
        whole = b"".join(pieces)
        cut = len(whole) if size < 0 else size
        out, self._held = whole[:cut], whole[cut:]
        return out

    @contextmanager
    def _noting_faults(self) -> Iterator[None]:
        try:
            yield
        except (CsvFault, UnicodeError, OSError) as fault:
            self.fault = fault
            raise

    def _fetch(self) -> None:
        """Hold the next piece of the file."""
        stored, plain = next(self._blocks, (b"", None))
        if plain is None:
            self._is_end = True
            plain = b""
        self._digest.update(stored)
        if self._decoder is not None:
            plain = self._decoder.decode(plain, final=self._is_end).encode()
        if _NUL in plain:
            raise CsvFault("holds a NUL character")
        self._n_quotes += int(np.count_nonzero(np.frombuffer(plain, np.uint8) == _QUOTE))
        self._last = plain[-1:] or self._last
        self._held += plain
        if self._is_start and len(self._held) >= len(_BYTE_ORDER_MARK):
            self._held, self._is_start = self._held.removeprefix(_BYTE_ORDER_MARK), False

    def _take_header(self, delimiter: str) -> list[str]:
        """Read the first row that is not empty and keep what follows it."""
        n_bytes = _HEAD_BYTES
        while True:
            while len(self._held) < n_bytes and not self._is_end:
                self._fetch()
            head = self._held[:n_bytes]
            is_whole = self._is_end and len(head) == len(self._held)
            text = codecs.getincrementaldecoder("utf-8")().decode(head, final=is_whole)
            found = _first_row(text, delimiter, is_whole=is_whole)
            if found is not None:
                names, used = found
                self._held = self._held[len(text[:used].encode()) :]
                return names
            if n_bytes >= MAX_LINE_BYTES:
                raise CsvFault(f"the header is longer than {MAX_LINE_BYTES >> 20} MB")
            n_bytes *= 4


def _decoder(encoding: str) -> codecs.IncrementalDecoder | None:
    """Return what decodes the file; None where Arrow itself checks that it is UTF-8."""
    if codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}:
        return None
    return codecs.getincrementaldecoder(encoding)()


def _first_row(text: str, delimiter: str, *, is_whole: bool) -> tuple[list[str], int] | None:
    """Return the first row that is not empty and how many characters it takes; None = it goes on beyond the text."""
    lines = io.StringIO(text, newline="")
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        with wide_fields():
            names = next((row for row in rows if row), [])
    except csv.Error as error:
        if is_whole or len(text) > MAX_FIELD_BYTES:
            raise CsvFault("a quote is not closed or a cell is not well formed") from error
        return None
    # A row that ends where the text does may have more cells, or the second half of its line end, still to come.
    return (names, lines.tell()) if is_whole or lines.tell() < len(text) else None
