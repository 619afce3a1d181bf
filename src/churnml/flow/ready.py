"""Probabilities of ready features: a Parquet file or a folder of them in, one probability a row out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from churnml.errors import DataError
from churnml.estimators.matrix import KEYS, to_matrix
from churnml.flow.fresh import open_models
from churnml.flow.program import code_identity
from churnml.flow.score_rows import Models
from churnml.parquet import parquet_schema, read_parquet_batches, write_parquet_groups
from churnml.storage import digest_file, write_json

__all__ = ["score_features"]

_BATCH_ROWS = 65_536


def score_features(features: Path, *, root: Path, reference: str, out: Path) -> dict[str, object]:
    """Score rows of features as they lie, without histories; what a stage has made, or any table with its columns.

    Parameters
    ----------
    features : Path
        Parquet file, or folder of such files, which are read in the order of their names. Columns are found by name.
    root : Path
        Project folder, which holds the registry.
    reference : str
        See :func:`churnml.flow.fresh.open_models`.
    out : Path
        Parquet file: ``customer_id`` and ``observation_date`` as far as they are there, ``p_churn``, ``model_version``;
        rows in the order of the features. ``<out>.manifest.json`` appears beside it.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    DataError
        If there is no such file.
    ModelError
        If the features are not the model's.
    """
    files = sorted(features.glob("*.parquet")) if features.is_dir() else [features]
    if not files:
        raise DataError("no Parquet file in the folder", rule="data.file_missing", file=features.name)
    with tempfile.TemporaryDirectory(prefix="churnml-") as private:
        opened = open_models(root, reference, folder=Path(private))
    manifest = out.with_name(out.name + ".manifest.json")
    n_rows = write_parquet_groups(_then_without(_scored(files, opened.models), manifest), out, rows=2 * _BATCH_ROWS)
    facts = {
        "model": reference,
        "models": {"churn": {"reference": opened.references["churn"], "sha256": opened.models.churn.digest}},
        "model_version": opened.models.version,
        "rows": n_rows,
        "at_risk": n_rows,
        "schema": parquet_schema(out),
        "sha256": digest_file(out),
        "data_sha256": {path.name: digest_file(path) for path in files},
        "code": code_identity(),
    }
    write_json(facts, manifest)
    return facts


def _scored(files: list[Path], models: Models) -> Iterator[pa.Table]:
    """Yield the scores of some rows at a time, at least once."""
    classifier, spec = models.classifier, models.churn.spec
    classifier.threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for path in files:
        for rows in read_parquet_batches(path, rows=_BATCH_ROWS, wanted={*KEYS, *spec.names}):
            p_churn = classifier.churn_probability(to_matrix(rows, spec))
            keys = {name: rows[name] for name in KEYS if name in rows.column_names}
            if "customer_id" in keys:
                keys["customer_id"] = keys["customer_id"].cast(pa.string())
            yield pa.table({**keys, "p_churn": p_churn, "model_version": [models.version] * rows.num_rows})


def _then_without(tables: Iterator[pa.Table], manifest: Path) -> Iterator[pa.Table]:
    """Yield the tables, then take an older manifest away: new scores never stand beside it."""
    yield from tables
    manifest.unlink(missing_ok=True)
