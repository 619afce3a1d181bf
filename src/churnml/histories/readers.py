"""The one reader of foreign files: literal path, header by name, declared dialect, nothing guessed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from churnml.histories.bad_line import first_bad_line
from churnml.histories.checks import Finding
from churnml.histories.contract import TableContract
from churnml.histories.csv_stream import MAX_LINE_BYTES, CsvFault, CsvStream
from churnml.histories.parts import Part, damaged, unreadable
from churnml.histories.sidecar import Sidecar
from churnml.storage import digest_file

__all__ = ["CsvPart", "ParquetPart", "open_part"]

_BATCH_ROWS = 262_144
_BUFFER_BYTES = 4 << 20
_BLOCK_BYTES = MAX_LINE_BYTES
"""Arrow reads a row that is no longer than a block wherever in the file it stands."""
_EXPANSION = 6
"""About how much larger rows are in memory than in a compressed file."""
_ENVIRONMENT = {errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE}
_UNREADABLE = "not readable with the declared dialect"


def open_part(path: Path, contract: TableContract, *, sidecar: Sidecar | None = None) -> Part:
    """Open a file of a table and read its header.

    Parameters
    ----------
    path : Path
        Literal path of a ``.parquet``, ``.csv`` or ``.csv.gz`` file.
    contract : TableContract
        With the file's name as its ``file``, and for CSV the dialect.
    sidecar : Sidecar, optional
        What the file should hold.

    Raises
    ------
    DataError
        If the file is damaged, not in the declared encoding, or names a column twice.
    """
    kind = ParquetPart if path.suffix.lower() == ".parquet" else CsvPart
    return kind(path, contract, sidecar)


class _FilePart(Part):
    is_file = True

    def __init__(
        self, path: Path, contract: TableContract, sidecar: Sidecar | None, schema: pa.Schema, *, expansion: int
    ) -> None:
        n_bytes = path.stat().st_size
        super().__init__(contract, schema, n_bytes=n_bytes, plain_bytes=n_bytes * expansion)
        self.path = path
        self._sidecar = sidecar
        self._read_digest: str | None = None

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the file's bytes."""
        return self._read_digest or digest_file(self.path)

    def digest_now(self) -> str:
        """Return the SHA-256 of the file's bytes."""
        try:
            return digest_file(self.path)
        except OSError as error:
            raise unreadable(self.contract, error) from error

    def take_as_read(self, *, n_rows: int, digest: str) -> None:
        """Count the file as read and hold it against its manifest; raises as :meth:`batches`."""
        self.n_rows, self._read_digest = n_rows, digest
        self._check_manifest(digest)

    def _check_manifest(self, digest: str) -> None:
        if self._sidecar is not None:
            self._sidecar.check(self.name, n_rows=self.n_rows, digest=digest)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows, then hold the file against its manifest; raises as :meth:`Part.batches`."""
        self._read_digest = None
        yield from super().batches()
        self._read_digest = self.digest
        self._check_manifest(self._read_digest)


class ParquetPart(_FilePart):
    """A Parquet file; page checksums are verified, and folder names stand for nothing."""

    def __init__(self, path: Path, contract: TableContract, sidecar: Sidecar | None = None) -> None:
        self._path, self._contract = path, contract
        with self._open() as source:
            schema = source.schema_arrow
        super().__init__(path, contract, sidecar, schema, expansion=_EXPANSION)

    def _open(self) -> pq.ParquetFile:
        try:
            # Read ahead, Arrow would keep every byte of the file in memory until it is closed.
            return pq.ParquetFile(
                self._path, page_checksum_verification=True, pre_buffer=False, buffer_size=_BUFFER_BYTES
            )
        except (pa.ArrowException, OSError) as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> Exception:
        if isinstance(error, pa.ArrowMemoryError):
            return MemoryError()
        if isinstance(error, OSError) and error.errno in _ENVIRONMENT:
            return unreadable(self._contract, error)
        return damaged(self._contract, "damaged or no Parquet file")

    def _read(self) -> Iterator[pa.RecordBatch]:
        with self._open() as source:
            batches = source.iter_batches(batch_size=_BATCH_ROWS)
            while True:
                try:
                    batch = next(batches, None)
                    if batch is None:
                        return
                    batch.validate(full=True)
                except (pa.ArrowException, OSError) as error:
                    raise self._fault(error) from error
                share = (self.n_rows + batch.num_rows) / max(source.metadata.num_rows, 1)
                self.bytes_read = round(self.n_bytes * share)
                yield batch


class CsvPart(_FilePart):
    """A CSV file in the declared dialect; every column is text until the contract types it."""

    def __init__(self, path: Path, contract: TableContract, sidecar: Sidecar | None = None) -> None:
        self._path, self._contract = path, contract
        with self._open() as stream:
            schema = pa.schema([(name, pa.string()) for name in stream.header])
        self._is_unfinished = False
        expansion = _EXPANSION if path.suffix.lower() == ".gz" else 1
        super().__init__(path, contract, sidecar, schema, expansion=expansion)

    def findings(self) -> list[Finding]:
        """Say where the last row may have been cut: a shorter last cell looks like any other."""
        if not self._is_unfinished:
            return []
        place = (self._contract.name, self.name, self._contract.id or self._contract.time)
        return [Finding("data.unfinished_line", "warning", *place, 1, self.n_rows, self.n_rows)]

    def _open(self) -> CsvStream:
        try:
            return CsvStream(self._path, self._contract.csv)
        except (CsvFault, UnicodeError, OSError) as fault:
            raise self._fault(fault) from fault

    def _fault(self, fault: Exception | None) -> Exception:
        """Return the error to raise: what a second look finds, since Arrow's own text quotes the row."""
        if isinstance(fault, OSError):
            return unreadable(self._contract, fault)
        n_columns = len(self.schema) if hasattr(self, "schema") else None
        words = str(fault) if isinstance(fault, CsvFault) else _UNREADABLE
        bad = first_bad_line(self._path, self._contract.csv, n_columns=n_columns)
        return damaged(self._contract, *(bad or (words, None)))

    def _read(self) -> Iterator[pa.RecordBatch]:
        with self._open() as stream:
            if stream.header != self.schema.names:
                raise damaged(self._contract, "changed while it was read")
            yield from self._rows(stream)
            if stream.has_odd_quotes:  # the last one may have swallowed every row after it
                bad = first_bad_line(self._path, self._contract.csv, n_columns=len(self.schema))
                if bad is not None:
                    raise damaged(self._contract, *bad)
            self._read_digest = stream.digest
            self._is_unfinished = stream.is_unfinished and self.n_rows > 0

    def _rows(self, stream: CsvStream) -> Iterator[pa.RecordBatch]:
        dialect = self._contract.csv
        try:
            if not stream.has_rows():
                return
            with pacsv.open_csv(
                stream,
                read_options=pacsv.ReadOptions(block_size=_BLOCK_BYTES, column_names=self.schema.names),
                parse_options=pacsv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True),
                convert_options=pacsv.ConvertOptions(
                    column_types=self.schema,
                    null_values=list(dialect.null_values),
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            ) as reader:
                for batch in reader:
                    self.bytes_read = stream.position
                    yield batch
        except pa.ArrowMemoryError as error:
            raise MemoryError from error
        except (pa.ArrowException, CsvFault, UnicodeError, OSError) as error:
            raise self._fault(stream.fault) from error
