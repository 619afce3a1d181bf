"""What reading the files of a table gave, kept from run to run: a file whose bytes are the same is not read again.

Reading a table is a fold over its files in their order, so the state behind the first *k* files is a function of those
files, the contract and the code alone. A chain of digests says which state that is; a month that comes as one more file
continues it. Nothing here is part of a result, and nothing is believed without its digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ChurnmlError
from churnml.histories.checks import Finding, Findings
from churnml.histories.contract import TableContract
from churnml.histories.gathered import pack_profile, restore_profile
from churnml.histories.kept_rows import KeptRows
from churnml.histories.parts import Part
from churnml.histories.profile import TableProfile
from churnml.histories.sealing import Cipher
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.storage import digest_bytes, read_sealed_json, write_sealed_json
from churnml.timeline import zone_offsets

__all__ = ["KeptParts", "latest_instant", "open_kept", "sweep_kept"]

_MOST_BYTES = 16 << 30
"""Rows of larger tables are not kept."""
_STATES = 3
"""Of how many files, counted from the last, the state behind them is kept: the last may be delivered anew."""
_ROWS, _INDEX = "rows.arrow", "parts.json"


def sweep_kept(folder: Path, tables: Sequence[str]) -> None:
    """Remove what is kept of tables that a project no longer has."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in tables:
            shutil.rmtree(path, ignore_errors=True)


def open_kept(
    folder: Path,
    contract: TableContract,
    parts: Sequence[Part],
    *,
    n_buckets: int,
    as_of: int,
    profile: TableProfile,
    forgotten: str = "",
    pseudonyms: Pseudonyms | None = None,
) -> KeptParts | None:
    """Return what is kept of a table; None where nothing is to be kept of it.

    Contact data and consent are never kept, so customers tables are read each time; so is what comes from no file,
    would take more than 16 GB, or half of what the disk has left.

    Parameters
    ----------
    folder : Path
        Private folder of all tables.
    contract : TableContract
    parts : sequence of Part
        In the order in which they are read.
    n_buckets, as_of : int
    profile : TableProfile
        Empty; gets what was gathered of the files that need not be read.
    forgotten : str, optional
        Digest of the list of persons whose rows are left out.
    pseudonyms : Pseudonyms, optional
        Stand in the rows in the place of ids; what was gathered of ids is then kept encrypted.
    """
    place, size = folder / contract.name, sum(part.plain_bytes for part in parts)
    if contract.kind not in {"events", "spells"} or any(not part.is_file for part in parts):
        return None
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if size > min(_MOST_BYTES, shutil.disk_usage(place).free // 2):
        shutil.rmtree(place, ignore_errors=True)
        return None
    try:
        rows = KeptRows(place / _ROWS, n_buckets=n_buckets)
    except BlockingIOError:  # another run of this project
        return None
    link = _first_link(contract, profile, n_buckets, [forgotten, pseudonyms.key_id if pseudonyms else ""])
    cipher = None if pseudonyms is None else Cipher(pseudonyms.sealing_key())
    return KeptParts(place, contract, as_of, rows, profile, link, len(parts), cipher)


def _first_link(contract: TableContract, profile: TableProfile, n_buckets: int, people: list[str]) -> str:
    """Return the digest of everything besides the files that what is kept follows from."""
    declared = {name: value for name, value in asdict(contract).items() if name not in {"file", "files"}}
    zone = [part.tolist() for part in zone_offsets(profile.timezone)]
    given = [declared, profile.timezone, zone, profile.currency, n_buckets, *people, _code()]
    return digest_bytes(json.dumps(given, sort_keys=True).encode())


@cache
def _code() -> list[str]:
    """Return the digest of the code that reads, and the versions of what it stands on."""
    here = Path(__file__).parent
    paths = sorted(path for path in [*here.rglob("*"), here.parent / "timeline.py"] if path.suffix in {".py", ".json"})
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return [digest.hexdigest(), pa.__version__, np.__version__, sys.version]


def latest_instant(batch: pa.RecordBatch, contract: TableContract) -> int | None:
    """Return the latest instant of conformed rows that ``as_of`` is compared with, in microseconds; None = none."""
    names = [name for name in (contract.event_time, "known_at", "ended_at") if name in batch.schema.names]
    found = [pc.max(batch[name].view(pa.int64())).as_py() for name in names]
    return max((instant for instant in found if instant is not None), default=None)


@dataclass(slots=True)
class KeptParts:
    """What is kept of one table; made by :func:`open_kept`.

    Parameters
    ----------
    folder : Path
    contract : TableContract
    as_of : int
    rows : KeptRows
        Takes the rows of this run.
    profile : TableProfile
    link : str
        Digest of what all of it follows from, so far.
    n_parts : int
    cipher : Cipher, optional
        Encrypts what was gathered; None = it is kept as it is.
    """

    folder: Path
    contract: TableContract
    as_of: int
    rows: KeptRows
    profile: TableProfile
    link: str
    n_parts: int
    cipher: Cipher | None = None
    _entries: list[dict[str, Any]] = field(init=False, default_factory=list)

    def resume(self, parts: Sequence[Part], findings: Findings) -> int:
        """Take over what is known of the first files; returns how many need not be read.

        Raises
        ------
        DataError
            If one of these is not what its manifest says.
        EnvironmentFault
            If a file may not be read.
        """
        known, links = self._index(), [self.link]
        for part, entry in zip(parts, known, strict=False):
            if not self._holds(entry) or self._link(part, part.digest_now() or "") != entry["link"]:
                break
            self.link = entry["link"]
            links.append(self.link)
        known = known[: len(links) - 1]
        good = self.rows.good_until([(entry["end"], entry["rows_sha256"]) for entry in known])
        n_taken = len(good)
        while n_taken and not self._restore(known[n_taken - 1], findings):
            n_taken -= 1
        self.link, self._entries = links[n_taken], known[:n_taken]
        if n_taken:
            chunks = [tuple(chunk) for entry in self._entries for chunk in entry["chunks"]]
            self.rows.resume(good[n_taken - 1], self._entries[-1]["end"], chunks)
        for part, entry in zip(parts, self._entries, strict=False):
            part.take_as_read(n_rows=entry["rows"], digest=entry["sha256"])
        return n_taken

    def note(self, part: Part, findings: Findings, *, latest: int | None) -> None:
        """Keep what was gathered up to and with a file that has just been read; the last ones with their state."""
        self.link = self._link(part, part.digest)
        end, digest, chunks = self.rows.mark()
        entry = {
            "file": part.name,
            "rows": part.n_rows,
            "sha256": part.digest,
            "as_of_us": self.as_of,
            "latest_us": latest,
            "is_alone": self.n_parts == 1,
            "link": self.link,
            "end": end,
            "rows_sha256": digest,
            "chunks": chunks,
            "state": None,
        }
        self._entries.append(entry)
        if len(self._entries) > self.n_parts - _STATES:
            entry["state"] = self._state(findings)

    def commit(self) -> None:
        """Say what is kept, and remove the states that no run will ask for.

        Raises
        ------
        EnvironmentFault
            If the folder cannot be written.
        """
        for entry in self._entries[:-_STATES]:
            entry["state"] = None
        needed = {_ROWS, _INDEX, *(entry["state"]["file"] for entry in self._entries if entry["state"])}
        self.rows.trim()
        write_sealed_json({"parts": self._entries}, self.folder / _INDEX)
        for path in self.folder.iterdir():
            if path.name not in needed:
                path.unlink(missing_ok=True)

    def _index(self) -> list[dict[str, Any]]:
        try:
            entries: list[dict[str, Any]] = read_sealed_json(self.folder / _INDEX)["parts"]
        except (ChurnmlError, OSError, KeyError, ValueError, RecursionError):
            return []
        return entries

    def _holds(self, entry: dict[str, Any]) -> bool:
        """Return whether ``as_of`` makes no difference to a file, nor that others stand beside it."""
        latest = entry["latest_us"]
        is_past = latest is None or latest <= min(self.as_of, entry["as_of_us"])
        is_like_then = entry["rows"] > 0 or entry["is_alone"] == (self.n_parts == 1)
        return bool((is_past or entry["as_of_us"] == self.as_of) and is_like_then)

    def _link(self, part: Part, digest: str) -> str:
        schema = [[field.name, str(field.type)] for field in part.schema]
        words = [self.link, part.name, digest, list(part.columns), schema]
        return digest_bytes(json.dumps(words).encode())

    def _state(self, findings: Findings) -> dict[str, Any]:
        packed, arrays = pack_profile(self.profile)
        if self.cipher is not None:
            # Hashes without a key tell of an id to whoever tries them all.
            packed, arrays = {}, self.cipher.sealed(_one_text(packed, arrays))
        name = f"state-{self.link[:16]}.bin"
        with open(self.folder / name, "wb", opener=partial(os.open, mode=0o600)) as stream:
            stream.write(arrays)
        found = [asdict(finding) for finding in findings.of_table(self.contract.name)]
        return {"file": name, "sha256": digest_bytes(arrays), "profile": packed, "findings": found}

    def _restore(self, entry: dict[str, Any], findings: Findings) -> bool:
        """Take over the state behind a file; returns whether it was there, and whole."""
        state = entry["state"]
        try:
            arrays = (self.folder / state["file"]).read_bytes() if state else b""
        except OSError:
            return False
        if state is None or digest_bytes(arrays) != state["sha256"]:
            return False
        packed = state["profile"]
        if self.cipher is not None:
            packed, arrays = _two_parts(self.cipher.opened(arrays))
        restore_profile(self.profile, packed, arrays)
        for found in state["findings"]:
            findings.add(Finding(**found))
        return True


def _one_text(packed: dict[str, Any], arrays: bytes) -> bytes:
    head = json.dumps(packed).encode()
    return len(head).to_bytes(8, "big") + head + arrays


def _two_parts(text: bytes) -> tuple[dict[str, Any], bytes]:
    end = 8 + int.from_bytes(text[:8], "big")
    packed: dict[str, Any] = json.loads(text[8:end])
    return packed, text[end:]
