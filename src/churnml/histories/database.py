"""Tables of a PostgreSQL database, read through ADBC in one read-only snapshot, in batches."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as postgresql
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ChurnmlError, ConfigError, did_you_mean
from churnml.histories.agreement import check_agreement
from churnml.histories.catalogue import BEGIN, COLUMNS, RELATION, RELATIONS, SETTINGS
from churnml.histories.contract import TableContract
from churnml.histories.database_errors import DATABASE_KEY, broken_off, denied, fault_of, no_connection, not_computed
from churnml.histories.parts import Part

__all__ = ["DatabaseSource", "RelationPart", "open_database"]

_BATCH_BYTES = 16 << 20
_UNKNOWN_BYTES = 4 << 30
"""How large a view is taken to be."""
_CONNECT_SECONDS = 15
_MAX_DIGITS = 38
_EXACT = {"numeric", "money"}


@contextmanager
def open_database(address: str) -> Iterator[DatabaseSource]:
    """Connect, and begin the one transaction in which every table of the run is read.

    Parameters
    ----------
    address : str
        ``postgresql://user@host/database``; the password comes from PGPASSWORD, PGPASSFILE or ``~/.pgpass``.

    Raises
    ------
    EnvironmentFault
        If the server cannot be reached, or refuses the user.
    """
    try:
        connection = postgresql.connect(_with_timeout(address))
    except adbc_driver_manager.Error as error:
        raise no_connection(error) from None  # its text names the host and the user
    try:
        source = DatabaseSource(connection)
        source.execute(BEGIN)
        source.rows(SETTINGS)
        yield source
    finally:
        connection.close()  # with every cursor on which rows still arrive


def _with_timeout(address: str) -> str:
    """Bound the time a connection may take, where nobody else did."""
    if "connect_timeout" in parse_qs(address.partition("?")[2]) or "PGCONNECT_TIMEOUT" in os.environ:
        return address
    return f"{address}{'&' if '?' in address else '?'}connect_timeout={_CONNECT_SECONDS}"


class DatabaseSource:
    """Relations of one database as they were at one instant.

    Parameters
    ----------
    connection : adbc_driver_manager.dbapi.Connection
        In its transaction.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str) -> None:
        """Run a statement without rows."""
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(statement)
            except adbc_driver_manager.Error as error:
                raise fault_of(error, DATABASE_KEY) from None

    def rows(self, query: str, *parameters: object, name: str = DATABASE_KEY) -> list[tuple[Any, ...]]:
        """Return all rows of a small query."""
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(query, parameters or None)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
            except adbc_driver_manager.Error as error:
                raise fault_of(error, name) from None
        return rows

    def schema(self, query: str, *, name: str) -> pa.Schema:
        """Return the columns a query has, without running it."""
        with self._connection.cursor() as cursor:
            try:
                return cursor.adbc_execute_schema(query)
            except adbc_driver_manager.Error as error:
                raise fault_of(error, name) from None

    def batches(self, query: str, *, name: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a query as they arrive; few are in memory at a time."""
        with self._connection.cursor() as cursor:
            try:
                cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
                cursor.execute(query)
                reader = cursor.fetch_record_batch()
                while True:
                    try:
                        batch = reader.read_next_batch()
                    except StopIteration:
                        return
                    yield batch
            except adbc_driver_manager.Error as error:
                raise fault_of(error, name) from None
            except (pa.ArrowException, OSError) as error:
                raise self._broken_off(error, name) from None

    def _broken_off(self, error: Exception, name: str) -> ChurnmlError:
        """Return the error for rows that stopped coming; the driver passes no SQLSTATE on then."""
        if isinstance(error, pa.ArrowMemoryError):
            raise MemoryError from error
        status = self._connection.adbc_connection.get_option("adbc.postgresql.transaction_status")
        is_refusal = status == "inerror" and not any(word in str(error) for word in ("timeout", "cancel"))
        return not_computed(name) if is_refusal else broken_off(name)

    def parts(self, contract: TableContract) -> list[Part]:
        """Return the relations of a table after their columns and types were compared.

        Raises
        ------
        ConfigError
            If there is no such relation.
        DataError
            If a column is missing, or of another type than in an earlier relation.
        EnvironmentFault
            If the user may not read one.
        """
        parts = [self._part(name, contract) for name in contract.sources]
        check_agreement(parts, contract)
        return list(parts)

    def _part(self, name: str, contract: TableContract) -> RelationPart:
        own = replace(contract, file=name, files=())
        schema, _, relation = name.rpartition(".")
        found = self.rows(RELATION, schema, relation, name=name)
        if not found:
            known = [row[0] for row in self.rows(RELATIONS, name=name)]
            raise ConfigError(
                "no such relation in the database",
                rule="config.relation",
                file="params.yaml",
                column=f"histories.tables.{contract.name}.file",
                next_step=did_you_mean(name, known) or "Write the name of a table or view, or schema.name.",
            )
        number, size = found[0]
        columns = self.rows(COLUMNS, number, name=name)
        closed = [column for column, _, _, is_readable, _ in columns if not is_readable and column in contract.columns]
        if closed or not any(is_readable for _, _, _, is_readable, _ in columns):
            raise denied(name, closed[0] if closed else None)
        numerics = {column: modifier for column, kind, modifier, _, _ in columns if kind in _EXACT}
        return RelationPart(self, own, columns[0][4], numerics, n_bytes=int(size or 0))


class RelationPart(Part):
    """A table or view; its columns come by name, exact numbers as decimals.

    Parameters
    ----------
    source : DatabaseSource
    contract : TableContract
        With the relation's name as its ``file``.
    query : str
        As the server wrote it.
    numerics : dict of str to int
        Type modifier (digits in all and after the point) of each column of type ``numeric``.
    n_bytes : int
        Size on the server's disk; 0 = not known.
    """

    def __init__(
        self, source: DatabaseSource, contract: TableContract, query: str, numerics: dict[str, int], *, n_bytes: int
    ) -> None:
        self._source, self._query, self._numerics = source, query, numerics
        self._digest = hashlib.sha256()
        stored = source.schema(query, name=contract.file)
        schema = self._typed(pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in stored], stored.names)).schema
        super().__init__(contract, schema, n_bytes=n_bytes, plain_bytes=n_bytes or _UNKNOWN_BYTES)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the rows that were read, in their order."""
        return self._digest.hexdigest()

    def _read(self) -> Iterator[pa.RecordBatch]:
        self._digest = hashlib.sha256()
        for batch in self._source.batches(self._query, name=self.name):
            typed = self._typed(batch)
            self._digest.update(typed.serialize())
            yield typed

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [
            _exact(column.storage, self._numerics[name]) if name in self._numerics else _plain(column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _plain(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _exact(text: pa.Array, modifier: int) -> pa.Array:
    """Return numbers that came as text as decimals of their declared digits; undeclared ones in double precision."""
    digits, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    if modifier < 0 or digits > _MAX_DIGITS or scale > digits:
        return text.cast(pa.float64())
    known = pc.if_else(pc.equal(text, "NaN"), pa.scalar(None, pa.string()), text)
    return known.cast(pa.decimal128(digits, scale))
