"""A person's rows taken out of a table file, and the person out of other rows: all else in it stays as it was."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from churnml.forgetting.seeing import id_columns
from churnml.forgetting.traces import Traces
from churnml.histories.cells import plain, text_cells
from churnml.histories.contract import CsvDialect
from churnml.histories.csv_stream import MAX_LINE_BYTES, wide_fields
from churnml.parquet import PARQUET_OPTIONS
from churnml.storage import digest_file, new_file, read_json, write_json

__all__ = ["Columns", "ids_in", "is_table", "without_rows"]

_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
_BATCH_ROWS = 1 << 16
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known of a table file.

    Parameters
    ----------
    ids : sequence of str
        Columns with the customer's id; empty = ``customer_id``, else every column that may be one.
    dialect : CsvDialect, optional
        How a CSV file is written; None = as its first line shows.
    """

    ids: Sequence[str] = ()
    dialect: CsvDialect | None = None

    @property
    def nulls(self) -> tuple[str, ...]:
        """Return the texts that mean "missing"."""
        return self.dialect.null_values if self.dialect is not None else ("",)


def is_table(path: Path) -> bool:
    """Return whether rows can be taken out of a file of this name."""
    return path.name.lower().endswith(_TABLES)


def ids_in(path: Path, traces: Traces, columns: Columns) -> set[str]:
    """Return which of the persons have rows in a table file."""
    if not path.name.lower().endswith(".parquet"):
        encoding = _encoding(path, columns.dialect)
        with wide_fields(), _read(path, encoding) as source:
            records = _records(source)
            table = _CsvTable(next(records, ""), traces, columns)
            for record in records:
                table.kept(record)
        return table.seen
    seen: set[str] = set()
    ids = pa.array(sorted(traces.ids), pa.string())
    with pq.ParquetFile(path) as source:
        named = [name for name in columns.ids if name in source.schema_arrow.names]
        for batch in source.iter_batches(batch_size=_BATCH_ROWS, columns=named):
            for column in batch.columns:
                texts = text_cells(plain(column), columns.nulls)
                seen.update(texts.filter(pc.is_in(texts, value_set=ids)).unique().to_pylist())
    return seen


def without_rows(path: Path, traces: Traces, columns: Columns = Columns()) -> int:
    """Take the rows of persons out of a file; where other rows name them, empty the place.

    The file changes whole or not at all, and only where it holds one of them. A manifest beside it, and a digest in its
    name, follow it.

    Parameters
    ----------
    path : Path
        CSV, also compressed, or Parquet.
    traces : Traces
    columns : Columns, optional

    Returns
    -------
    int
        Rows taken out or changed.

    Raises
    ------
    EnvironmentFault
        If the disk is full or the folder cannot be written.
    """
    before = digest_file(path)
    is_parquet = path.name.lower().endswith(".parquet")
    n_gone, n_changed = (_out_of_parquet if is_parquet else _out_of_csv)(path, traces, columns)
    if n_gone or n_changed:
        _follow(path, before, n_gone)
    return n_gone + n_changed


def _out_of_parquet(path: Path, traces: Traces, columns: Columns) -> tuple[int, int]:
    with pq.ParquetFile(path) as source:
        schema, metadata = source.schema_arrow, source.metadata
        named = [name for name in columns.ids if name in schema.names] or list(id_columns(schema))
        n_gone = n_changed = 0
        for batch in source.iter_batches(batch_size=_BATCH_ROWS):
            gone, others = _split(pa.Table.from_batches([batch]), named, traces, columns)
            n_gone += gone
            n_changed += _scrubbed(others, traces)[1]
        if not n_gone and not n_changed:
            return 0, 0
        with new_file(path) as temp, closing(pq.ParquetWriter(temp, schema, **_options(metadata))) as writer:
            for group in range(metadata.num_row_groups):
                _, others = _split(source.read_row_group(group), named, traces, columns)
                writer.write_table(_scrubbed(others, traces)[0], row_group_size=max(1, others.num_rows))
    return n_gone, n_changed


def _options(metadata: pq.FileMetaData) -> dict[str, object]:
    """Return how the file is written: as ours are, with the compression and the resolution of times it had."""
    has_rows = metadata.num_row_groups and metadata.num_columns
    codec = metadata.row_group(0).column(0).compression.lower() if has_rows else "snappy"
    return {
        **PARQUET_OPTIONS,
        "compression": "none" if codec == "uncompressed" else codec,
        "coerce_timestamps": None,
        "use_dictionary": True,
    }


def _split(table: pa.Table, named: Sequence[str], traces: Traces, columns: Columns) -> tuple[int, pa.Table]:
    """Return how many rows are of the persons, and the others."""
    ids = pa.array(sorted(traces.ids), pa.string())
    gone: npt.NDArray[np.bool_] = np.zeros(table.num_rows, dtype=bool)
    for name in named:
        for chunk, start in _chunks(table[name]):
            texts = text_cells(plain(chunk), columns.nulls)
            gone[start : start + len(chunk)] |= pc.is_in(texts, value_set=ids).to_numpy(zero_copy_only=False)
    return int(gone.sum()), table.filter(pa.array(~gone)) if gone.any() else table


def _chunks(column: pa.ChunkedArray) -> Iterator[tuple[pa.Array, int]]:
    start = 0
    for chunk in column.chunks:
        yield chunk, start
        start += len(chunk)


def _scrubbed(table: pa.Table, traces: Traces) -> tuple[pa.Table, int]:
    """Empty the cells of other rows that name the persons; returns how many."""
    n_changed = 0
    for place, field in enumerate(table.schema):
        column = table.column(place)
        texts = column.cast(pa.string()) if pa.types.is_dictionary(field.type) else column
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)) or not table.num_rows:
            continue
        values = {value: traces.scrubbed(value) for value in texts.unique().to_pylist() if value is not None}
        changed = {value for value, now in values.items() if value != now}
        if changed:
            n_changed += int(pc.sum(pc.is_in(texts, value_set=pa.array(sorted(changed), texts.type))).as_py())
            new = pa.chunked_array([[None if v is None else values[v] for v in texts.to_pylist()]], texts.type)
            table = table.set_column(place, field, new.cast(field.type))
    return table, n_changed


def _out_of_csv(path: Path, traces: Traces, columns: Columns) -> tuple[int, int]:
    encoding = _encoding(path, columns.dialect)
    with wide_fields(), _read(path, encoding) as source:
        records = _records(source)
        table = _CsvTable(next(records, ""), traces, columns)
        for record in records:
            table.kept(record)
    found = table.n_gone, table.n_changed
    if not any(found):
        return found
    with (
        wide_fields(),
        new_file(path) as temp,
        _read(path, encoding) as source,
        _write(temp, encoding, compressed=_is_compressed(path)) as target,
    ):
        records = _records(source)
        target.write(next(records))
        target.writelines(table.kept(record) for record in records)
    return found


class _CsvTable:
    """Says of each record of a CSV file what is kept of it, and counts."""

    def __init__(self, header: str, traces: Traces, columns: Columns) -> None:
        self.traces = traces
        self.delimiter = columns.dialect.delimiter if columns.dialect else max(_DELIMITERS, key=header.count)
        names = [name.strip() for name in self._cells(header.lstrip("\ufeff"))]
        wanted = [name for name in columns.ids if name in names] or [n for n in names if n == "customer_id"]
        self.places = [names.index(name) for name in wanted] or list(range(len(names)))
        # A text that a spreadsheet would run as a formula has an apostrophe before it.
        self.ids = {form: one for one in traces.ids for form in (one, f"'{one}")}
        self.seen: set[str] = set()
        self.plain = sorted(traces.ids)
        self.n_gone = self.n_changed = 0

    def kept(self, record: str) -> str:
        """Return a record without what is about the persons; empty where it is one of theirs."""
        if any(one in record for one in self.plain):
            cells = self._cells(record)
            found = {cells[place] for place in self.places if place < len(cells)} & self.ids.keys()
            if found:
                self.seen.update(self.ids[form] for form in found)
                self.n_gone += 1
                return ""
        others = self.traces.scrubbed(record)
        self.n_changed += others != record
        return others

    def _cells(self, record: str) -> list[str]:
        return next(csv.reader(io.StringIO(record, newline=""), delimiter=self.delimiter), [])


def _is_compressed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _encoding(path: Path, dialect: CsvDialect | None) -> str:
    if dialect is not None:
        return dialect.encoding
    with path.open("rb") as stream:
        return "utf-16" if stream.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8"


def _read(path: Path, encoding: str) -> TextIO:
    """Open a text file so that every byte can be written back as it was, line ends too."""
    opener = gzip.open if _is_compressed(path) else open
    return opener(path, "rt", encoding=encoding, errors="surrogateescape", newline="")


@contextmanager
def _write(path: Path, encoding: str, *, compressed: bool) -> Iterator[TextIO]:
    with ExitStack() as stack:
        stream: BinaryIO = stack.enter_context(path.open("wb"))
        if compressed:  # without name and time the same rows give the same bytes
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0)
            stream = stack.enter_context(packed)  # type: ignore[assignment]
        yield stack.enter_context(io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline=""))


def _records(source: TextIO) -> Iterator[str]:
    """Yield the lines of a file; those that a quoted line break joins come together."""
    parts: list[str] = []
    quotes = size = 0
    for line in source:
        parts.append(line)
        quotes += line.count('"')
        size += len(line)
        # A quote that never ends must not take the rest of the file with it.
        if quotes % 2 == 0 or size > MAX_LINE_BYTES:
            yield "".join(parts)
            parts, quotes, size = [], 0, 0
    if parts:
        yield "".join(parts)


def _follow(path: Path, before: str, n_gone: int) -> None:
    """Let the small manifest beside a file, and the digest in its name, say what is in it now."""
    now = digest_file(path)
    manifest = path.with_name(path.name + ".manifest.json")
    said = read_json(manifest) if manifest.is_file() else None
    if isinstance(said, dict):
        rows = {"rows": said["rows"] - n_gone} if isinstance(said.get("rows"), int) else {}
        write_json({key: now if value == before else value for key, value in said.items()} | rows, manifest)
    if before[:16] in path.name:
        path.replace(path.with_name(path.name.replace(before[:16], now[:16])))
