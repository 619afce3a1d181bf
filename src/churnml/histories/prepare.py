"""Raw files to sorted buckets: read once, check, hash by customer, sort by (customer, time), group, write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml.histories.checks import Finding, Findings, Severity
from churnml.histories.conform import ROW_HASH, Conformer
from churnml.histories.contract import TableContract
from churnml.histories.examine import examine
from churnml.histories.finish import FinishedBucket, finish_bucket, stored_schema
from churnml.histories.hashing import bucket_of, hash_rows
from churnml.histories.parts import Part
from churnml.histories.profile import HistoryProfile, TableProfile
from churnml.histories.sources import digest_of, entries_of, open_source
from churnml.histories.spill import BucketSpill
from churnml.histories.store import StoredFile
from churnml.histories.usable import usable_rows
from churnml.histories.versions import KeyOwners
from churnml.progress import step
from churnml.storage import new_folder, write_sealed_json
from churnml.timeline import days_to_us, us_to_iso

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
    folder: str | None,
    target: Path,
    as_of: int,
    timezone: str,
    database: str | None = None,
    required: Collection[str] = (),
    threads: int = 2,
    findings: Findings | None = None,
    profile: HistoryProfile | None = None,
) -> Prepared:
    """Read every table once and write it as buckets of whole customers, sorted by customer and time.

    Parameters
    ----------
    contracts : sequence of TableContract
    root : Path
        Project folder; ``folder`` lies inside it.
    folder : str or None
        Folder of the raw files, relative to ``root``; None = the database.
    target : Path
        Folder to create: ``<table>/bucket-0000.parquet`` ..., ``_contacts/``, ``manifest.json`` last.
    as_of : int
        Rows that happened or became known later are not read (microseconds, UTC).
    timezone : str
        Of times without a zone.
    database : str or None
        Address without password, read where there is no folder.
    required : collection of str
        Tables that must have rows.
    threads : int
    findings : Findings, optional
        Receives what is found, also where an error follows.
    profile : HistoryProfile, optional
        Receives what was seen while reading; its ``as_of`` and zone are those given here.

    Raises
    ------
    DataError
        If a file cannot be read, or with every breach of the contract in one message.
    EnvironmentFault
        If the target cannot be written.
    """
    done = Prepared(findings if findings is not None else Findings())
    profile = profile if profile is not None else HistoryProfile(as_of, timezone)
    tables: dict[str, Any] = {}
    with open_source(root=root, folder=folder, database=database) as source, new_folder(target) as temp:
        parts = {contract.name: source.parts(contract) for contract in contracts}
        scopes = frozenset(name for c in contracts if c.kind in {"spells", "customers"} for name in c.categories)
        n_buckets = _bucket_count([part for each in parts.values() for part in each])
        for contract in contracts:
            tables[contract.name] = _prepare_table(
                contract,
                parts[contract.name],
                temp,
                n_buckets,
                as_of=as_of,
                timezone=timezone,
                threads=threads,
                required=contract.name in required,
                scopes=scopes,
                into=done,
                profile=profile,
            )
        found_holes = examine(profile, done.findings, required=required)
        done.findings.raise_errors()
        done.manifest = {
            "as_of": us_to_iso(as_of),
            "as_of_us": as_of,
            "folder": folder,
            "holes": [asdict(hole) for hole in found_holes],
            "n_buckets": n_buckets,
            "tables": tables,
        }
        write_sealed_json(done.manifest, temp / "manifest.json")
    return done


def _bucket_count(parts: Sequence[Part]) -> int:
    """Return a power of two so that a bucket's rows stay near 64 MB in memory."""
    size = sum(part.plain_bytes for part in parts)
    wanted = max(4, -(-size // _BUCKET_BYTES))
    return min(_MAX_BUCKETS, 1 << (wanted - 1).bit_length())


def _prepare_table(
    contract: TableContract,
    parts: Sequence[Part],
    target: Path,
    n_buckets: int,
    *,
    as_of: int,
    timezone: str,
    threads: int,
    required: bool,
    scopes: Collection[str],
    into: Prepared,
    profile: HistoryProfile,
) -> dict[str, Any]:
    buckets = 1 if contract.kind == "calendar" else n_buckets
    with ExitStack() as stack:
        spill_folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".spill-", dir=target))
        spill = stack.enter_context(closing(BucketSpill(Path(spill_folder), n_buckets=buckets)))
        owners = stack.enter_context(closing(_owners(contract, target, n_buckets, stack)))

        def keep(batch: pa.RecordBatch) -> None:
            spill.add(batch, bucket_of(batch["customer_id"], n_buckets=buckets) if contract.id else None)
            owners.see(batch)

        with step(f"read {contract.name}", unit="rows") as advance:
            n_read = sum(
                _read_part(
                    part,
                    Conformer(part.contract, timezone, into.findings, scopes),
                    keep,
                    advance,
                    as_of=as_of,
                    seen=profile.of(contract),
                    is_alone=len(parts) == 1,
                )
                for part in parts
            )
        n_shared = owners.count_shared()
        with ThreadPoolExecutor(threads) as pool, step(f"sort {contract.name}", buckets, unit="buckets") as advance:
            done = []
            for finished in pool.map(lambda b: finish_bucket(spill.take(b), contract, target, b), range(buckets)):
                done.append(finished)
                advance(1)
    kept = sum(d.stored.n_rows for d in done)
    into.n_rows[contract.name] = kept
    keyed = contract.key[0] if contract.key else ""
    found: tuple[tuple[str, Severity, str, int], ...] = (
        ("data.duplicates", "info", contract.id, sum(d.n_duplicates for d in done)),
        ("data.grouped_lines", "info", contract.id, sum(d.n_grouped for d in done)),
        ("data.customer_twice", "error", contract.id, sum(d.n_twice for d in done)),
        ("data.version_ties", "warning", keyed, sum(d.n_ties for d in done)),
        ("data.key_two_customers", "error", keyed, n_shared),
        ("data.no_rows", "error" if required else "warning", contract.time or contract.id, int(kept == 0)),
    )
    for rule, severity, column, count in found:
        into.findings.add(Finding(rule, severity, contract.name, contract.file, column, count, n_read))
    return _entry_of(contract, parts, done)


def _read_part(
    part: Part,
    conformer: Conformer,
    keep: Callable[[pa.RecordBatch], None],
    advance: Callable[[int], None],
    *,
    as_of: int,
    seen: TableProfile,
    is_alone: bool,
) -> int:
    """Type the rows of a part, look at them, and keep the usable ones; returns how many there were."""
    contract, findings = part.contract, conformer.findings
    seen.expect(contract.file)
    for raw in part.batches():
        batch = conformer.conform(raw)
        seen.see(contract, batch, raw)
        batch = batch.append_column(ROW_HASH, pa.array(hash_rows(raw)))
        keep(usable_rows(batch, contract, as_of=as_of, findings=findings, n_before=conformer.n_rows))
        advance(raw.num_rows)
    if not conformer.n_rows and not is_alone:
        place = contract.name, contract.file, contract.time or contract.id
        findings.add(Finding("data.file_empty", "warning", *place, 1, 0))
    for finding in part.findings():
        findings.add(finding)
    return conformer.n_rows


def _entry_of(contract: TableContract, parts: Sequence[Part], done: Sequence[FinishedBucket]) -> dict[str, Any]:
    """Return what the manifest says of a table."""
    return {
        "kind": contract.kind,
        "file": contract.file,
        "source_digest": digest_of(parts),
        "parts": entries_of(parts),
        "n_rows": sum(d.stored.n_rows for d in done),
        "days": _merge_days([d.days for d in done]),
        "columns": {f.name: str(f.type) for f in stored_schema(contract)},
        "categories": list(contract.categories),
        "numbers": list(contract.numbers),
        "has_amount": bool(contract.amount),
        "latency_us": days_to_us(contract.latency_days),
        "files": [_entry(d.stored) for d in done],
        "contact_files": [_entry(d.contacts) for d in done if d.contacts],
    }


def _owners(contract: TableContract, target: Path, n_parts: int, stack: ExitStack) -> KeyOwners:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".spill-", dir=target))
    return KeyOwners(Path(folder), n_keys=len(contract.key), n_parts=n_parts)


def _entry(stored: StoredFile) -> dict[str, Any]:
    return {"sha256": stored.digest, "rows": stored.n_rows}


def _merge_days(parts: Sequence[Mapping[int, int]]) -> list[list[int]]:
    total: dict[int, int] = {}
    for part in parts:
        for day, n in part.items():
            total[day] = total.get(day, 0) + n
    return [[day, total[day]] for day in sorted(total)]
