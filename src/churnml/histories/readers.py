"""The one reader of foreign files: literal path, header by name, declared dialect, nothing guessed."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from churnml.errors import DataError, did_you_mean
from churnml.histories.contract import CsvDialect, TableContract

__all__ = ["read_batches"]

_BATCH_ROWS = 262_144
_BLOCK_BYTES = 8 << 20


def read_batches(path: Path, contract: TableContract) -> Iterator[pa.RecordBatch]:
    """Yield all columns of a file in batches, after checking that the contract's columns are there.

    Parameters
    ----------
    path : Path
        Literal path of a ``.parquet`` or ``.csv`` file.
    contract : TableContract
        Its columns and, for CSV, its dialect. CSV columns come as text; Parquet columns as stored.

    Raises
    ------
    DataError
        If the file is absent, damaged, not in the declared encoding, lacks a column or names one twice.
    """
    if not path.is_file():
        raise DataError(
            "file not found",
            rule="data.file_missing",
            file=contract.file,
            column=f"histories.tables.{contract.name}.file",
            next_step=_nearest_file(path),
        )
    if path.suffix == ".parquet":
        yield from _parquet_batches(path, contract)
    else:
        yield from _csv_batches(path, contract)


def _nearest_file(path: Path) -> str:
    names = sorted(p.name for p in path.parent.glob("*") if p.suffix in {".csv", ".parquet"})
    return did_you_mean(path.name, names) or "Put it there, or correct the name in params.yaml."


def _check_header(names: Sequence[str], contract: TableContract) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice or any(not name.strip() for name in names):
        raise DataError(
            "the header names a column twice or leaves a name empty",
            rule="data.header",
            file=contract.file,
            line=1,
            column=twice[0] if twice else None,
            count=max(len(twice), 1),
            next_step="Give every column a name of its own.",
        )
    missing = [name for name in contract.columns if name not in names]
    if missing:
        hints = [hint for hint in (did_you_mean(name, names) for name in missing) if hint]
        raise DataError(
            f"no such column{'s' if len(missing) > 1 else ''} in the file ({', '.join(missing)})",
            rule="data.column_missing",
            file=contract.file,
            line=1,
            column=missing[0],
            count=len(missing),
            next_step=" ".join(hints) or f"Correct histories.tables.{contract.name} in params.yaml.",
        )


def _parquet_batches(path: Path, contract: TableContract) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as source:
            _check_header(source.schema_arrow.names, contract)
            for batch in source.iter_batches(batch_size=_BATCH_ROWS):
                batch.validate(full=True)
                yield batch
    except pa.ArrowMemoryError as error:
        raise MemoryError from error
    except (pa.ArrowException, OSError) as error:
        raise _damaged(contract, "damaged or no Parquet file") from error


def _damaged(contract: TableContract, problem: str, line: int | None = None) -> DataError:
    return DataError(
        problem,
        rule="data.damaged",
        file=contract.file,
        line=line,
        count=1,
        next_step="Deliver the file again, or correct the csv block of this table in params.yaml.",
    )


def _csv_batches(path: Path, contract: TableContract) -> Iterator[pa.RecordBatch]:
    names = _csv_header(path, contract)
    _check_header(names, contract)
    _check_quotes(path, contract)
    dialect = contract.csv
    if _is_header_only(path):
        return
    try:
        with pacsv.open_csv(
            path,
            read_options=pacsv.ReadOptions(encoding=dialect.encoding, block_size=_BLOCK_BYTES, use_threads=True),
            parse_options=pacsv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=list(dialect.null_values),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        ) as reader:
            yield from reader
    except pa.ArrowMemoryError as error:
        raise MemoryError from error
    except (pa.ArrowException, UnicodeError) as error:
        # Arrow's own text quotes the row: find the place again and say only that.
        problem, line = _first_bad_line(path, dialect, n_columns=len(names))
        raise _damaged(contract, problem, line) from error


def _is_header_only(path: Path) -> bool:
    """Return whether nothing follows the first line, which Arrow takes for a damaged file."""
    with path.open("rb") as stream:
        stream.readline()
        return not stream.read(1024).strip()


def _check_quotes(path: Path, contract: TableContract) -> None:
    """Refuse an odd number of quotes: the last one would swallow every row after it."""
    one, two = ('"'.encode(contract.csv.encoding), '""'.encode(contract.csv.encoding))
    quote = one[-(len(two) - len(one)) :]  # without a byte-order mark
    with path.open("rb") as stream:
        n_quotes = sum(block.count(quote) for block in iter(lambda: stream.read(_BLOCK_BYTES), b""))
    if n_quotes % 2:
        problem, line = _first_bad_line(path, contract.csv, n_columns=None)
        known = problem.startswith("a quote")
        raise _damaged(contract, "a quote is not closed", line if known else None)


def _csv_header(path: Path, contract: TableContract) -> list[str]:
    encoding = contract.csv.encoding
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    try:
        with path.open(encoding=codec, newline="") as stream:
            return next(csv.reader(stream, delimiter=contract.csv.delimiter, strict=True), [])
    except (UnicodeError, csv.Error) as error:
        problem, line = _first_bad_line(path, contract.csv, n_columns=None)
        raise _damaged(contract, problem, line) from error


def _first_bad_line(path: Path, dialect: CsvDialect, *, n_columns: int | None) -> tuple[str, int | None]:
    """Say what is wrong with a CSV file and on which line, without quoting it."""
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            try:
                raw.decode(dialect.encoding)
            except UnicodeError:
                return f"not in the declared encoding ({dialect.encoding})", number
    with path.open(encoding=dialect.encoding, newline="") as text:
        rows = csv.reader(text, delimiter=dialect.delimiter, strict=True)
        try:
            for row in rows:
                if row and n_columns is not None and len(row) != n_columns:
                    return f"{len(row)} cells where the header has {n_columns}", rows.line_num
        except csv.Error:
            return "a quote is not closed or a cell is not well formed", rows.line_num
    return "not readable with the declared dialect", None
