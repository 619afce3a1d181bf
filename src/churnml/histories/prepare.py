"""Raw files to sorted buckets: read once, check, hash by customer, sort by (customer, time), group, write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churnml.histories.checks import Finding, Findings, Severity
from churnml.histories.conform import ROW_HASH, Conformer, id_columns
from churnml.histories.contract import TableContract
from churnml.histories.examine import examine
from churnml.histories.finish import FinishedBucket, finish_bucket, stored_schema
from churnml.histories.hashing import bucket_of, hash_rows
from churnml.histories.identities import Identities
from churnml.histories.kept import KeptParts, latest_instant, open_kept, sweep_kept
from churnml.histories.parts import Part, rows_expected
from churnml.histories.profile import HistoryProfile, TableProfile
from churnml.histories.sources import digest_of, entries_of, open_source
from churnml.histories.spill import BucketSpill
from churnml.histories.store import StoredFile
from churnml.histories.suppressed import RowFilter
from churnml.histories.usable import usable_rows
from churnml.histories.versions import KeyOwners
from churnml.progress import step
from churnml.storage import new_folder, write_sealed_json
from churnml.timeline import days_to_us, us_to_iso

__all__ = ["prepare"]

_BUCKET_BYTES = 64 << 20
_MAX_BUCKETS = 256


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
    kept: Path | None = None,
    forgotten: RowFilter | None = None,
    identities: Identities | None = None,
) -> None:
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
    kept : Path, optional
        Private folder in which rows of files stay for the next run, see :mod:`churnml.histories.kept`.
    forgotten : RowFilter, optional
        Leaves out, and counts, the rows of persons who asked to be forgotten.
    identities : Identities, optional
        Gives every customer a pseudonym in the place of the id, in all that is written, and remembers whose it is.

    Raises
    ------
    DataError
        If a file cannot be read, or with every breach of the contract in one message.
    EnvironmentFault
        If the target cannot be written.
    """
    findings = findings if findings is not None else Findings()
    profile = profile if profile is not None else HistoryProfile(as_of, timezone)
    with open_source(root=root, folder=folder, database=database) as source, new_folder(target) as temp:
        parts = {contract.name: source.parts(contract) for contract in contracts}
        scopes = frozenset(name for c in contracts if c.kind in {"spells", "customers"} for name in c.categories)
        n_buckets = _bucket_count([part for each in parts.values() for part in each])
        required = frozenset(required)
        seen = findings, profile, kept, forgotten, identities
        run = _Run(temp, n_buckets, as_of, timezone, threads, required, scopes, *seen)
        if kept is not None:
            sweep_kept(kept, list(parts))
        tables = {contract.name: _prepare_table(contract, parts[contract.name], run) for contract in contracts}
        holes = [asdict(hole) for hole in examine(profile, findings, required=required)]
        findings.raise_errors()
        clock = {"as_of": us_to_iso(as_of), "as_of_us": as_of}
        key_id = identities.pseudonyms.key_id if identities is not None else None
        manifest = {**clock, "folder": folder, "holes": holes, "n_buckets": n_buckets, "tables": tables}
        manifest |= {} if key_id is None else {"pseudonyms": key_id}
        write_sealed_json(manifest, temp / "manifest.json")


@dataclass(frozen=True, slots=True)
class _Run:
    """What is the same for every table of one run; ``findings`` and ``profile`` gather what is seen."""

    target: Path
    n_buckets: int
    as_of: int
    timezone: str
    threads: int
    required: frozenset[str]
    scopes: frozenset[str]
    findings: Findings
    profile: HistoryProfile
    kept: Path | None
    forgotten: RowFilter | None
    identities: Identities | None


def _bucket_count(parts: Sequence[Part]) -> int:
    """Return a power of two so that a bucket's rows stay near 64 MB in memory."""
    size = sum(part.plain_bytes for part in parts)
    wanted = max(4, -(-size // _BUCKET_BYTES))
    return min(_MAX_BUCKETS, 1 << (wanted - 1).bit_length())


def _prepare_table(contract: TableContract, parts: Sequence[Part], run: _Run) -> dict[str, Any]:
    """Read, sort and write one table, and return what the manifest says of it."""
    n_buckets = 1 if contract.kind == "calendar" else run.n_buckets
    with ExitStack() as stack:
        kept = _kept(contract, parts, run)
        spill = kept.rows if kept else BucketSpill(_private_folder(run, stack), n_buckets=n_buckets)
        owners = KeyOwners(_private_folder(run, stack), n_keys=len(contract.key), n_parts=run.n_buckets)
        stack.enter_context(closing(spill))
        stack.enter_context(closing(owners))

        def keep(batch: pa.RecordBatch) -> None:
            spill.add(batch, bucket_of(batch["customer_id"], n_buckets=n_buckets) if contract.id else None)
            owners.see(batch)

        unread = parts[_taken(kept, parts, run, owners) if kept else 0 :]
        with step(f"read {contract.name}", lambda: rows_expected(unread)) as advance:
            for part in unread:
                latest = _read_part(part, run, run.profile.of(contract), keep, advance, is_alone=len(parts) == 1)
                if kept:
                    kept.note(part, run.findings, latest=latest)
        n_shared = owners.count_shared()
        done = _finish(contract, spill, n_buckets, run)
        if kept:
            kept.commit()
    n_read = sum(part.n_rows for part in parts)
    for finding in _found(contract, done, run, n_read=n_read, n_shared=n_shared):
        run.findings.add(finding)
    entry = _entry_of(contract, parts, done)
    return entry if run.identities is None else entry | {"id_columns": id_columns(contract)}


def _kept(contract: TableContract, parts: Sequence[Part], run: _Run) -> KeptParts | None:
    if run.kept is None:
        return None
    profile = run.profile.of(contract)
    forgotten = run.forgotten.digest if run.forgotten else ""
    return open_kept(
        run.kept,
        contract,
        parts,
        n_buckets=run.n_buckets,
        as_of=run.as_of,
        profile=profile,
        forgotten=forgotten,
        pseudonyms=run.identities.pseudonyms if run.identities else None,
    )


def _taken(kept: KeptParts, parts: Sequence[Part], run: _Run, owners: KeyOwners) -> int:
    """Take over the files that are as they were when they were read last; returns how many."""
    n_taken = kept.resume(parts, run.findings)
    if kept.contract.key:
        for batch in kept.rows.batches():
            owners.see(batch)
    return n_taken


def _private_folder(run: _Run, stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".spill-", dir=run.target)))


def _read_part(
    part: Part,
    run: _Run,
    seen: TableProfile,
    keep: Callable[[pa.RecordBatch], None],
    advance: Callable[[int], None],
    *,
    is_alone: bool,
) -> int | None:
    """Type the rows of a part, look at them, and keep the usable ones; returns the latest instant among them all."""
    contract, findings, instants = part.contract, run.findings, []
    conformer = Conformer(contract, run.timezone, findings, run.scopes)
    seen.expect(contract.file)
    for raw in part.batches():
        batch = conformer.conform(raw)
        if run.forgotten is not None and contract.id:
            batch, raw = _without_forgotten(batch, raw, run, contract, n_before=conformer.n_rows)
        seen.see(contract, batch, raw)
        batch = batch.append_column(ROW_HASH, pa.array(hash_rows(_hashed(raw, contract, run))))
        usable = usable_rows(batch, contract, as_of=run.as_of, findings=findings, n_before=conformer.n_rows)
        keep(run.identities.hidden(usable, contract) if run.identities is not None else usable)
        instants.append(latest_instant(batch, contract))
        advance(raw.num_rows)
    if not conformer.n_rows and not is_alone:
        place = contract.name, contract.file, contract.time or contract.id
        findings.add(Finding("data.file_empty", "warning", *place, 1, 0))
    for finding in part.findings():
        findings.add(finding)
    return max((instant for instant in instants if instant is not None), default=None)


def _hashed(raw: pa.RecordBatch, contract: TableContract, run: _Run) -> pa.RecordBatch:
    """Return what the hash of a row is of: without the id where pseudonyms stand, which would be found by trying."""
    if run.identities is None or not contract.id:
        return raw
    place = raw.schema.get_field_index(contract.id)
    return raw.set_column(place, contract.id, pa.nulls(raw.num_rows, pa.string()))


def _without_forgotten(
    batch: pa.RecordBatch, raw: pa.RecordBatch, run: _Run, contract: TableContract, *, n_before: int
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Leave out the rows of persons who asked to be forgotten, and count them."""
    gone = run.forgotten.rows(batch["customer_id"]) if run.forgotten else np.zeros(batch.num_rows, dtype=bool)
    place = contract.name, contract.file, contract.id
    run.findings.add(Finding("data.forgotten", "info", *place, int(gone.sum()), n_before))
    others = pa.array(~gone)
    return (batch.filter(others), raw.filter(others)) if gone.any() else (batch, raw)


def _finish(contract: TableContract, spill: BucketSpill, n_buckets: int, run: _Run) -> list[FinishedBucket]:
    """Sort and write the buckets of a table, several side by side."""
    done = []
    with ThreadPoolExecutor(run.threads) as pool, step(f"sort {contract.name}", n_buckets, unit="buckets") as advance:
        for finished in pool.map(lambda b: finish_bucket(spill.take(b), contract, run.target, b), range(n_buckets)):
            done.append(finished)
            advance(1)
    return done


def _found(
    contract: TableContract, done: Sequence[FinishedBucket], run: _Run, *, n_read: int, n_shared: int
) -> Iterator[Finding]:
    """Yield what only sorted rows tell."""
    keyed = contract.key[0] if contract.key else ""
    no_rows: Severity = "error" if contract.name in run.required else "warning"
    found: tuple[tuple[str, Severity, str, int], ...] = (
        ("data.duplicates", "info", contract.id, sum(d.n_duplicates for d in done)),
        ("data.grouped_lines", "info", contract.id, sum(d.n_grouped for d in done)),
        ("data.customer_twice", "error", contract.id, sum(d.n_twice for d in done)),
        ("data.version_ties", "warning", keyed, sum(d.n_ties for d in done)),
        ("data.key_two_customers", "error", keyed, n_shared),
        ("data.no_rows", no_rows, contract.time or contract.id, int(not any(d.stored.n_rows for d in done))),
    )
    for rule, severity, column, count in found:
        yield Finding(rule, severity, contract.name, contract.file, column, count, n_read)


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


def _entry(stored: StoredFile) -> dict[str, Any]:
    return {"sha256": stored.digest, "rows": stored.n_rows}


def _merge_days(parts: Sequence[Mapping[int, int]]) -> list[list[int]]:
    total: dict[int, int] = {}
    for part in parts:
        for day, n in part.items():
            total[day] = total.get(day, 0) + n
    return [[day, total[day]] for day in sorted(total)]
