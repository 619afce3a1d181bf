"""A database read into a folder of files, so that a run can be repeated on what was read."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churnml.config import Params
from churnml.errors import ConfigError
from churnml.flow.contracts import contracts, fetched_files
from churnml.flow.forgotten import forgotten_rows
from churnml.histories.cells import plain, text_cells
from churnml.histories.parts import Part
from churnml.histories.sidecar import SIDECAR_ENDING
from churnml.histories.sources import open_source
from churnml.histories.suppressed import RowFilter
from churnml.parquet import PARQUET_OPTIONS
from churnml.storage import digest_file, new_folder, write_json

__all__ = ["fetch"]


def fetch(params: Params, target: Path, *, root: Path | None = None) -> None:
    """Read the relations of all tables in one snapshot; each becomes a file with a manifest beside it.

    Parameters
    ----------
    params : Params
        With ``histories.database``.
    target : Path
        Folder to create, whole or not at all; the same rows in the same order give the same bytes.
    root : Path, optional
        Project folder, whose forgotten persons are left out.

    Raises
    ------
    ConfigError
        If there is no database, or no such relation in it.
    DataError
        If a relation lacks a column.
    EnvironmentFault
        If the database cannot be reached or read.
    """
    database = params.histories.database
    if database is None:
        raise ConfigError(
            "no database to read", rule="config.database", file="params.yaml", column="histories.database"
        )
    forgotten = forgotten_rows(root) if root is not None else None
    with open_source(root=target.parent, folder=None, database=database) as source, new_folder(target) as temp:
        tables = [(source.parts(contract), fetched_files(contract)) for contract in contracts(params)]
        for parts, names in tables:
            for part, name in zip(parts, names, strict=True):
                _write(part, temp / name, forgotten)


def _write(part: Part, path: Path, forgotten: RowFilter | None) -> None:
    """Write a part as it arrives; few rows are in memory at a time."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    types = {field.name: field.type for field in part.schema}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in part.columns])
    n_rows = 0
    with pq.ParquetWriter(path, schema, **PARQUET_OPTIONS) as writer:
        for batch in part.batches():
            if forgotten is not None and part.contract.id:
                ids = text_cells(plain(batch.column(part.contract.id)), part.contract.csv.null_values)
                batch = batch.filter(pa.array(~forgotten.rows(ids)))
            n_rows += batch.num_rows
            writer.write_batch(batch)
    write_json({"rows": n_rows, "sha256": digest_file(path)}, path.with_name(path.name + SIDECAR_ENDING))
