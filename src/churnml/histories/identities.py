"""Which customer a pseudonym stands for: gathered while tables are read, kept apart from them, in files of the owner.

The tables and everything made of them hold pseudonyms alone. Only what names people for others opens these files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import DataError, PrivacyError
from churnml.histories.conform import id_columns
from churnml.histories.contract import TableContract
from churnml.histories.hashing import bucket_of, hash_column
from churnml.histories.spill import BucketSpill
from churnml.histories.store import StoredFile
from churnml.parquet import open_parquet, read_verified, write_parquet
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.storage import digest_file, new_folder, read_sealed_json, write_sealed_json

__all__ = ["IDENTITIES", "Identities", "Names", "identities_fault"]

IDENTITIES = Path(".churnml") / "identities"
"""Where a project keeps them: no output of a stage, so that nothing that is pushed or pulled holds them."""

_SCHEMA = pa.schema([("pseudonym", pa.string()), ("customer_id", pa.string())])
_PIECES = 256
_SLOTS = 1 << 20
_MANIFEST = "manifest.json"


def identities_fault(problem: str) -> PrivacyError:
    """Return the error for pseudonyms that cannot be told whose they are."""
    return PrivacyError(
        f"{problem}, so the customers behind the pseudonyms cannot be named",
        rule="privacy.identities",
        file=IDENTITIES.as_posix(),
        next_step="Make it anew from the tables as delivered with: churnml identities.",
    )


class Identities:
    """Replaces ids by pseudonyms in rows that pass by, and remembers which is whose, in bounded memory.

    Parameters
    ----------
    pseudonyms : Pseudonyms
    private : Path
        Private folder for what does not fit into memory, encrypted there; its owner removes it.
    """

    def __init__(self, pseudonyms: Pseudonyms, private: Path) -> None:
        self.pseudonyms = pseudonyms
        self._spill = BucketSpill(private, n_buckets=_PIECES)
        self._seen = np.zeros(_SLOTS, dtype=np.uint64)

    def hidden(self, batch: pa.RecordBatch, contract: TableContract) -> pa.RecordBatch:
        """Return conformed rows with pseudonyms in every column that repeats the customer's id."""
        if not contract.id or not batch.num_rows:
            return batch
        ids = batch["customer_id"].dictionary_encode()
        names = self.seen(ids.dictionary)
        for name in id_columns(contract):
            values = batch[name]
            same = names.take(ids.indices) if values.equals(batch["customer_id"]) else self.pseudonyms.column(values)
            batch = batch.set_column(batch.schema.get_field_index(name), name, same)
        return batch

    def seen(self, ids: pa.Array) -> pa.Array:
        """Return the pseudonyms of some ids, none of which is missing, and remember whose they are."""
        names = self.pseudonyms.column(ids)
        self._remember(names, ids)
        return names

    def _remember(self, names: pa.Array, ids: pa.Array) -> None:
        """Take pairs over, but for those that passed by lately."""
        hashes = hash_column(names)
        slots = (hashes & np.uint64(_SLOTS - 1)).astype(np.int64)
        new = pa.array(np.flatnonzero(self._seen[slots] != hashes))
        self._seen[slots] = hashes
        if len(new):
            self._add(pa.RecordBatch.from_arrays([names.take(new), ids.take(new)], schema=_SCHEMA))

    def _add(self, pairs: pa.RecordBatch) -> None:
        self._spill.add(pairs, bucket_of(pairs["pseudonym"], n_buckets=_PIECES))

    def go_on_from(self, folder: Path) -> bool:
        """Take over what is known of rows that need not be read again; returns whether all of it was there.

        What was taken over is no longer valid by itself: a run that is killed must not go on from half of the list.
        """
        try:
            names = Names(folder, key_id=self.pseudonyms.key_id)
            for number in range(names.n_buckets):
                for batch in names.pairs(number).to_batches():
                    self._add(batch)
        except (DataError, PrivacyError):
            return False
        (folder / _MANIFEST).unlink()
        return True

    def write(self, folder: Path, wanted: Sequence[pa.Array] | None) -> None:
        """Write the files, in the place of earlier ones.

        Parameters
        ----------
        folder : Path
        wanted : sequence of Array of string, or None
            The pseudonyms that are in use, by bucket; None = all, in as few buckets as may be.

        Raises
        ------
        PrivacyError
            If two customers have one pseudonym, or it is not known whose one in use is.
        EnvironmentFault
            If the folder cannot be written.
        """
        n_buckets, files = len(wanted) if wanted is not None else 1, []
        with new_folder(folder) as temp:
            for number in range(n_buckets):
                pairs = self._taken(range(number, _PIECES, n_buckets))
                if wanted is not None:
                    pairs = pairs.filter(pc.is_in(pairs["pseudonym"], value_set=wanted[number]))
                    if pairs.num_rows != len(wanted[number]):
                        raise identities_fault("the list of identities lacks some of them")
                path = temp / _file(number)
                write_parquet(pairs, path)
                files.append({"sha256": digest_file(path), "rows": pairs.num_rows})
            facts = {"key": self.pseudonyms.key_id, "n_buckets": n_buckets, "files": files}
            write_sealed_json(facts, temp / _MANIFEST)

    def _taken(self, pieces: Sequence[int]) -> pa.Table:
        """Return the pairs of some pieces, each once, sorted."""
        found = [table for table in (self._spill.take(piece) for piece in pieces) if table is not None]
        pairs = pa.concat_tables(found) if found else _SCHEMA.empty_table()
        pairs = pairs.group_by(_SCHEMA.names).aggregate([]).select(_SCHEMA.names).sort_by("pseudonym").combine_chunks()
        if pc.count_distinct(pairs["pseudonym"]).as_py() != pairs.num_rows:
            raise PrivacyError(
                "two customers have the same pseudonym",
                rule="privacy.collision",
                next_step="Make a new key with churnml key --rotate, and run again.",
            )
        return pairs

    def close(self) -> None:
        """Let go of the files that wait."""
        self._spill.close()


def _file(number: int) -> str:
    return f"bucket-{number:04d}.parquet"


@dataclass(frozen=True, slots=True)
class _Bucket:
    """Pseudonyms and ids of one bucket, side by side."""

    pseudonyms: pa.Array
    delivered: pa.Array


class Names:
    """Whose the pseudonyms of a prepared store are, read a bucket at a time.

    The list may have fewer buckets than the store, never more.

    Parameters
    ----------
    folder : Path
        As :meth:`Identities.write` wrote it.
    key_id : str or None
        Name of the key that the pseudonyms were made with; None = whichever.

    Raises
    ------
    PrivacyError
        If the files are not there, damaged, or of another key.
    """

    def __init__(self, folder: Path, *, key_id: str | None) -> None:
        if not (folder / _MANIFEST).is_file():
            raise identities_fault("the list of identities is not here")
        try:
            manifest = read_sealed_json(folder / _MANIFEST)
            self._files = [StoredFile(each["sha256"], each["rows"]) for each in manifest["files"]]
            self.key_id, self.n_buckets = str(manifest["key"]), int(manifest["n_buckets"])
        except (DataError, KeyError, TypeError) as error:
            raise identities_fault("the list of identities is damaged") from error
        if key_id is not None and self.key_id != key_id:
            raise identities_fault(f"the list of identities is of the key {self.key_id}, the tables are of {key_id}")
        self._folder = folder
        self._bucket = lru_cache(maxsize=4)(self._read)

    def pairs(self, number: int) -> pa.Table:
        """Return ``pseudonym`` and ``customer_id`` of a bucket, by pseudonym.

        Raises
        ------
        PrivacyError
            If the file is not what was written.
        """
        name = _file(number)
        try:
            data = read_verified(self._folder / name, name=name, digest=self._files[number].digest)
        except DataError as error:
            raise identities_fault("the list of identities is damaged") from error
        with open_parquet(data, name=name) as source:
            return source.read(use_threads=False).combine_chunks()

    def _read(self, number: int) -> _Bucket:
        pairs = self.pairs(number)
        return _Bucket(pairs["pseudonym"].combine_chunks(), pairs["customer_id"].combine_chunks())

    def delivered(self, pseudonyms: pa.Array | pa.ChunkedArray, number: int) -> pa.Array:
        """Return whose some pseudonyms of a bucket are; a missing one stays missing.

        Raises
        ------
        PrivacyError
            If one of them is not known.
        """
        known = self._bucket(number % self.n_buckets)  # both numbers are powers of two
        place = pc.index_in(pseudonyms, value_set=known.pseudonyms)
        place = place.combine_chunks() if isinstance(place, pa.ChunkedArray) else place
        n_unknown = place.null_count - pseudonyms.null_count
        if n_unknown:
            raise identities_fault(f"the list of identities lacks {n_unknown:,} of them")
        return known.delivered.take(place)

    def known(self, pseudonyms: pa.Array) -> pa.Array:
        """Return whose some pseudonyms of any bucket are; one that is not known is missing."""
        found = pa.nulls(len(pseudonyms), pa.string())
        for number in range(self.n_buckets):
            bucket = self._bucket(number)
            found = pc.coalesce(found, bucket.delivered.take(pc.index_in(pseudonyms, value_set=bucket.pseudonyms)))
        return found

    def stored(self, customer: str) -> str | None:
        """Return the pseudonym of an id as delivered; None = nobody has it."""
        for number in range(self.n_buckets):
            bucket = self._bucket(number)
            place = pc.index(bucket.delivered, customer).as_py()
            if place >= 0:
                return str(bucket.pseudonyms[place])
        return None

    def without(self, customers: Sequence[str], folder: Path) -> int:
        """Write the list without some customers; returns how many stood on it.

        Raises
        ------
        EnvironmentFault
            If the folder cannot be written.
        """
        gone, n_gone, files = pa.array(sorted(set(customers)), pa.string()), 0, []
        with new_folder(folder) as temp:
            for number, pairs in enumerate(self._all()):
                left = pairs.filter(pc.invert(pc.is_in(pairs["customer_id"], value_set=gone)))
                n_gone += pairs.num_rows - left.num_rows
                write_parquet(left, temp / _file(number))
                files.append({"sha256": digest_file(temp / _file(number)), "rows": left.num_rows})
            facts = {"key": self.key_id, "n_buckets": self.n_buckets, "files": files}
            write_sealed_json(facts, temp / _MANIFEST)
        return n_gone

    def _all(self) -> Iterator[pa.Table]:
        return (self.pairs(number) for number in range(self.n_buckets))
