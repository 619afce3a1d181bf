"""Where ids as delivered come back: prepared stores whose pseudonyms are told apart by the list of identities."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from churnml.config import Params
from churnml.errors import PrivacyError
from churnml.flow.pseudonyms import made_by_key, pseudonyms_of, under_key
from churnml.histories.bucket import Bucket
from churnml.histories.identities import IDENTITIES, Identities, Names, identities_fault
from churnml.histories.store import History, open_history
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.storage import private_folder

__all__ = [
    "as_stored",
    "drop_identities",
    "gathered_identities",
    "hides_of",
    "names_of",
    "open_named",
    "with_names",
    "write_identities",
]


def open_named(folder: Path, *, root: Path) -> History:
    """Open a prepared store of a project so that every id it gives is as delivered.

    Raises
    ------
    PrivacyError
        If it is not known whose its pseudonyms are.
    """
    return with_names(open_history(folder), root / IDENTITIES)


def with_names(history: History, folder: Path | None) -> History:
    """Return a history that gives ids as delivered; one without pseudonyms is returned as it is.

    Parameters
    ----------
    history : History
    folder : Path or None
        Where its list of identities lies; None = there is none.

    Raises
    ------
    PrivacyError
        If the list is not there, damaged, or of another key.
    """
    if history.key_id is None:
        return history
    if folder is None:
        raise identities_fault("no list of identities was made")
    return replace(history, names=Names(folder, key_id=history.key_id))


def names_of(root: Path) -> Names | None:
    """Return whose the pseudonyms of a project are; None where it has no list of identities.

    Raises
    ------
    PrivacyError
        If the list is damaged.
    """
    return Names(root / IDENTITIES, key_id=None) if (root / IDENTITIES).is_dir() else None


def hides_of(history: History, *, root: Path) -> Pseudonyms | None:
    """Return what made the pseudonyms of a prepared store, or None where its ids are as delivered.

    Raises
    ------
    PrivacyError
        If the key is not here.
    """
    return None if history.key_id is None else made_by_key(history.key_id, root=root)


def as_stored(table: pa.Table, *, key_id: str | None, history: History, root: Path) -> pa.Table | None:
    """Return rows that an earlier run kept under a key with ids as the prepared store has them.

    As :func:`churnml.flow.pseudonyms.under_key`.
    """
    return under_key(table, key_id, wanted=history.key_id, root=root)


@contextmanager
def gathered_identities(params: Params, *, root: Path, target: Path, kept: Path | None) -> Iterator[Identities | None]:
    """Yield what hides ids while tables are read; None where they stay as delivered.

    Where rows are kept from run to run, the list of identities goes on from the last one: it is not valid while a run
    is at work, and kept rows whose customers are not on it are read again.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.
    target : Path
        Folder in which the store is made; what must wait is put beside it.
    kept : Path or None
        Folder of the kept rows.
    """
    made_by = pseudonyms_of(params, root=root)
    if made_by is None:
        yield None
        return
    with private_folder(target.parent, "identities") as private:
        gathered = Identities(made_by, private)
        if kept is not None and not gathered.go_on_from(root / IDENTITIES):
            shutil.rmtree(kept, ignore_errors=True)
        try:
            yield gathered
        except BaseException:
            if kept is not None:
                gathered.write(root / IDENTITIES, None)
            raise
        finally:
            gathered.close()


def write_identities(gathered: Identities, history: History, folder: Path) -> None:
    """Write whose the pseudonyms of a prepared store are, of nobody else."""
    in_use = [Bucket(history, number).stored_ids for number in range(history.n_buckets)]
    gathered.write(folder, in_use)


def drop_identities(root: Path, customers: Sequence[str]) -> None:
    """Take persons off the list of identities; a list that cannot be read goes as a whole.

    Raises
    ------
    EnvironmentFault
        If the list cannot be written.
    """
    folder = root / IDENTITIES
    try:
        Names(folder, key_id=None).without(customers, folder)
    except PrivacyError:
        shutil.rmtree(folder, ignore_errors=True)
