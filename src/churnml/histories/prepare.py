"""Raw files to sorted buckets: read once, check, hash by customer, sort by (customer, time), group, write."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml.histories.checks import Finding, Findings, Severity
from churnml.histories.conform import ROW_HASH, Conformer
from churnml.histories.contract import TableContract
from churnml.histories.finish import finish_bucket, stored_schema
from churnml.histories.hashing import bucket_of, hash_rows
from churnml.histories.readers import read_batches
from churnml.histories.spill import BucketSpill
from churnml.histories.usable import usable_rows
from churnml.storage import digest_file, new_folder, resolve, write_json
from churnml.timeline import us_to_iso

__all__ = ["Prepared", "prepare"]

_BUCKET_BYTES = 64 << 20
_MAX_BUCKETS = 256


@dataclass(slots=True)
class Prepared:
    """What :func:`prepare` found and wrote.

    Parameters
    ----------
    findings : Findings
    n_rows : dict of str to int
        Rows kept per table.
    manifest : dict
        Content of ``manifest.json``.
    """

    findings: Findings
    n_rows: dict[str, int] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)


def prepare(
    contracts: Sequence[TableContract],
    *,
    root: Path,
    folder: str,
    target: Path,
    as_of: int,
    timezone: str,
    required: Collection[str] = (),
    threads: int = 2,
    findings: Findings | None = None,
) -> Prepared:
    """Read every table once and write it as buckets of whole customers, sorted by customer and time.

    Parameters
    ----------
    contracts : sequence of TableContract
    root : Path
        Project folder; ``folder`` lies inside it.
    folder : str
        Folder of the raw files, relative to ``root``.
    target : Path
        Folder to create: ``<table>/bucket-0000.parquet`` ..., ``_contacts/``, ``manifest.json`` last.
    as_of : int
        Rows that happened or became known later are not read (microseconds, UTC).
    timezone : str
        Of times without a zone.
    required : collection of str
        Tables that must have rows.
    threads : int
    findings : Findings, optional
        Receives what is found, also where an error follows.

    Raises
    ------
    DataError
        If a file cannot be read, or with every breach of the contract in one message.
    EnvironmentFault
        If the target cannot be written.
    """
    source = resolve(folder, root=root, key="histories.folder")
    paths = {c.name: resolve(c.file, root=source, key=f"histories.tables.{c.name}.file") for c in contracts}
    n_buckets = _bucket_count([p for p in paths.values() if p.is_file()])
    done = Prepared(findings if findings is not None else Findings())
    tables: dict[str, Any] = {}
    with new_folder(target) as temp:
        for contract in contracts:
            tables[contract.name] = _prepare_table(
                contract,
                paths[contract.name],
                temp,
                n_buckets,
                as_of=as_of,
                timezone=timezone,
                threads=threads,
                required=contract.name in required,
                into=done,
            )
        done.findings.raise_errors()
        done.manifest = {
            "as_of": us_to_iso(as_of),
            "as_of_us": as_of,
            "folder": source.relative_to(root).as_posix(),
            "n_buckets": n_buckets,
            "tables": tables,
        }
        write_json(done.manifest, temp / "manifest.json")
    return done


def _bucket_count(paths: Sequence[Path]) -> int:
    """Return a power of two so that a bucket's rows stay near 64 MB in memory."""
    expansion = {".parquet": 6, ".csv": 1}
    size = sum(path.stat().st_size * expansion.get(path.suffix, 1) for path in paths)
    wanted = max(4, -(-size // _BUCKET_BYTES))
    return min(_MAX_BUCKETS, 1 << (wanted - 1).bit_length())


def _prepare_table(
    contract: TableContract,
    path: Path,
    target: Path,
    n_buckets: int,
    *,
    as_of: int,
    timezone: str,
    threads: int,
    required: bool,
    into: Prepared,
) -> dict[str, Any]:
    buckets = 1 if contract.kind == "calendar" else n_buckets
    conformer = Conformer(contract, timezone, into.findings)
    with tempfile.TemporaryDirectory(prefix=".spill-", dir=target) as spill_folder:
        spill = BucketSpill(Path(spill_folder), n_buckets=buckets)
        for raw in read_batches(path, contract):
            row_hash = hash_rows(raw.columns)
            batch = conformer.conform(raw).append_column(ROW_HASH, pa.array(row_hash))
            batch = usable_rows(batch, contract, as_of=as_of, findings=into.findings, n_before=conformer.n_rows)
            spill.add(batch, bucket_of(batch["customer_id"], n_buckets=buckets) if contract.id else None)
        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(lambda b: finish_bucket(spill.take(b), contract, target, b), range(buckets)))
    kept = sum(d.n_rows for d in done)
    into.n_rows[contract.name] = kept
    found: tuple[tuple[str, Severity, int], ...] = (
        ("data.duplicates", "info", sum(d.n_duplicates for d in done)),
        ("data.grouped_lines", "info", sum(d.n_grouped for d in done)),
        ("data.customer_twice", "error", sum(d.n_twice for d in done)),
        ("data.no_rows", "error" if required else "warning", int(kept == 0)),
    )
    for rule, severity, count in found:
        column = contract.id if rule != "data.no_rows" else contract.time or contract.id
        into.findings.add(Finding(rule, severity, contract.name, contract.file, column, count, conformer.n_rows))
    return {
        "kind": contract.kind,
        "file": contract.file,
        "source_digest": digest_file(path),
        "n_rows": kept,
        "days": _merge_days([d.days for d in done]),
        "columns": {f.name: str(f.type) for f in stored_schema(contract)},
        "categories": list(contract.categories),
        "numbers": list(contract.numbers),
        "has_amount": bool(contract.amount),
        "digests": [d.digest for d in done],
    }


def _merge_days(parts: Sequence[Mapping[int, int]]) -> list[list[int]]:
    total: dict[int, int] = {}
    for part in parts:
        for day, n in part.items():
            total[day] = total.get(day, 0) + n
    return [[day, total[day]] for day in sorted(total)]
