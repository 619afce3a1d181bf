"""`churnml identities`: the list of whose the pseudonyms are, made anew from the tables as delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from churnml.config import Params
from churnml.errors import ConfigError
from churnml.flow.contracts import contracts, fetched_files
from churnml.flow.named import hides_of, write_identities
from churnml.flow.raw import folder_of
from churnml.histories.bucket import Bucket
from churnml.histories.cells import plain, text_cells
from churnml.histories.identities import IDENTITIES, Identities
from churnml.histories.sources import open_source
from churnml.histories.store import open_history
from churnml.storage import private_folder

__all__ = ["make_identities"]


def make_identities(params: Params, *, root: Path) -> int:
    """Read the ids of every table and write whose the pseudonyms of the prepared store are; returns of how many.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.

    Raises
    ------
    ConfigError
        If the prepared store has no pseudonyms.
    PrivacyError
        If its key is not here, or the tables lack customers that the store has.
    DataError
        If nothing was prepared, or a table cannot be read.
    """
    history = open_history(root / "data" / "prepared")
    hides = hides_of(history, root=root)
    if hides is None:
        raise ConfigError(
            "ids stand as delivered in what was prepared",
            rule="config.no_pseudonyms",
            file="params.yaml",
            column="privacy.pseudonyms",
            next_step="With pseudonyms: true, churnml run makes the list itself.",
        )
    with private_folder(root / "data", "identities") as private:
        gathered = Identities(hides, private)
        try:
            for ids in _ids(params, root):
                gathered.seen(ids)
            write_identities(gathered, history, root / IDENTITIES)
        finally:
            gathered.close()
    return sum(len(Bucket(history, number).stored_ids) for number in range(history.n_buckets))


def _ids(params: Params, root: Path) -> Iterator[pa.Array]:
    """Yield the ids of each batch of every table, each once."""
    is_fetched = params.histories.database is not None
    with open_source(root=root, folder=folder_of(params)) as source:
        for contract in contracts(params):
            if not contract.id:
                continue
            table = replace(contract, files=fetched_files(contract)) if is_fetched else contract
            for part in source.parts(table):
                for batch in part.batches():
                    yield text_cells(plain(batch[contract.id]), contract.csv.null_values).drop_null().unique()
