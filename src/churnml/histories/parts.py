"""A part of a table, one file or one relation: its columns, its rows in batches, its digest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError, EnvironmentFault
from churnml.histories.checks import Finding
from churnml.histories.contract import TableContract
from churnml.histories.csv_stream import MAX_FIELD_BYTES

__all__ = ["MAX_COLUMNS", "Part", "check_names", "damaged", "rows_expected", "unreadable"]

MAX_COLUMNS = 10_000


class Part(ABC):
    """One file or one relation of a table.

    Parameters
    ----------
    contract : TableContract
        That of the table, with this part's name as its ``file``.
    schema : pyarrow.Schema
        Columns as stored; those of a CSV file are text.
    n_bytes : int
        Size in bytes as stored.
    plain_bytes : int
        About how many bytes its rows take in memory.

    Attributes
    ----------
    columns : tuple of str
        Columns of each batch, by default this part's own by name. A column that only other parts have is empty here.
    n_rows : int
        Rows read so far.
    bytes_read : int
        Of its bytes as stored, how many that took; roughly.
    is_file : bool
        Whether what it holds is known by a digest before it is read.
    """

    is_file = False

    def __init__(self, contract: TableContract, schema: pa.Schema, *, n_bytes: int, plain_bytes: int) -> None:
        check_names(schema.names, contract)
        self.contract = contract
        self.schema = schema
        self.n_bytes = n_bytes
        self.plain_bytes = plain_bytes
        self.columns: tuple[str, ...] = tuple(sorted(schema.names))
        self.n_rows = 0
        self.bytes_read = 0

    @property
    def name(self) -> str:
        """Return the name that messages use."""
        return self.contract.file

    @property
    @abstractmethod
    def digest(self) -> str:
        """Return the SHA-256 of what was read."""

    def digest_now(self) -> str:
        """Return the SHA-256 of a file as it is now."""
        raise NotImplementedError

    def take_as_read(self, *, n_rows: int, digest: str) -> None:
        """Count the part as read: its rows are known from an earlier run over the same bytes.

        Raises
        ------
        DataError
            If they are not what the part should hold, as :meth:`batches` would.
        """
        raise NotImplementedError

    @abstractmethod
    def _read(self) -> Iterator[pa.RecordBatch]:
        """Yield all columns as stored."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows with the columns of ``columns``, in that order.

        Raises
        ------
        DataError
            If the part is damaged, not in the declared dialect, or longer somewhere than a table is.
        EnvironmentFault
            If it cannot be reached.
        """
        self.n_rows = 0
        for batch in self._read():
            self._check_lengths(batch)
            self.n_rows += batch.num_rows
            yield _with_columns(batch, self.columns)

    def findings(self) -> list[Finding]:
        """Return what is strange about the part as a whole, once it was read."""
        return []

    def _check_lengths(self, batch: pa.RecordBatch) -> None:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values = column.dictionary if pa.types.is_dictionary(column.type) else column
            if values.nbytes <= MAX_FIELD_BYTES or not _has_lengths(values.type):
                continue
            lengths = pc.fill_null(pc.binary_length(values), 0).to_numpy(zero_copy_only=False)
            if lengths.max(initial=0) > MAX_FIELD_BYTES:
                raise DataError(
                    f"a field is longer than {MAX_FIELD_BYTES >> 20} MB",
                    rule="data.too_long",
                    file=self.name,
                    line=self.n_rows + int(np.argmax(lengths)) + 1 if values is column else None,
                    column=name,
                    count=int((lengths > MAX_FIELD_BYTES).sum()),
                    next_step="Leave such texts out of the table.",
                )


def rows_expected(parts: Sequence[Part]) -> int | None:
    """Estimate the rows of some parts from those read so far and the bytes they took; None = too early to say."""
    n_read = sum(part.bytes_read for part in parts)
    return round(sum(part.n_rows for part in parts) * sum(part.n_bytes for part in parts) / n_read) if n_read else None


def _has_lengths(kind: pa.DataType) -> bool:
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_kind(kind) for is_kind in texts)


def _with_columns(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """Return the columns of these names; one that is not there is empty."""
    own = set(batch.schema.names)
    columns = [batch.column(n) if n in own else pa.nulls(batch.num_rows, pa.string()) for n in names]
    return pa.RecordBatch.from_arrays(columns, list(names))


def check_names(names: Sequence[str], contract: TableContract) -> None:
    """Refuse a header in which a name is empty or stands twice, or that is wider than a table is.

    Raises
    ------
    DataError
        If one of these is so.
    """
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"{len(names):,} columns, more than {MAX_COLUMNS:,}",
            rule="data.too_wide",
            file=contract.file,
            line=1,
            count=len(names),
            next_step="Deliver one column a quantity and one row an event.",
        )
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice or any(not name.strip() for name in names):
        raise DataError(
            "the header names a column twice or leaves a name empty",
            rule="data.header",
            file=contract.file,
            line=1,
            # In a file without a header these are cells, and a cell must not be shown.
            column=next((name for name in twice if name in contract.columns), None),
            count=max(len(twice), 1),
            next_step="Give every column a name of its own; a delimiter at the end of the line is one column too many.",
        )


def damaged(contract: TableContract, problem: str, line: int | None = None) -> DataError:
    """Return the error for a file that cannot be read as what it is declared to be."""
    return DataError(
        problem,
        rule="data.damaged",
        file=contract.file,
        line=line,
        count=1,
        next_step="Deliver the file again, or correct the csv block of this table in params.yaml.",
    )


def unreadable(contract: TableContract, error: OSError) -> EnvironmentFault:
    """Return the error for a file that the system does not let be read."""
    return EnvironmentFault(
        f"cannot be read ({error.strerror or 'input/output error'})",
        rule="environment.read",
        file=contract.file,
        next_step="Mend the permissions or the disk, then run again.",
    )
