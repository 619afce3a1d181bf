"""What earlier runs kept, brought under the key of today: pseudonyms switched on or off later, or another key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from churnml.campaign.kept_ids import as_delivered, hidden, key_of_ids
from churnml.campaign.record import RECORDS
from churnml.campaign.told_store import TOLD
from churnml.campaign.work import WORK
from churnml.errors import DataError, PrivacyError
from churnml.flow.named import names_of
from churnml.flow.predictions import key_of_predictions
from churnml.flow.pseudonyms import with_ids
from churnml.flow.score_records import SCORE_RECORDS
from churnml.flow.versions import BACKTESTS
from churnml.histories.identities import Names
from churnml.parquet import parquet_bytes, read_parquet, write_parquet
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.storage import digest_bytes, new_folder, read_json, write_bytes, write_json

__all__ = ["carry_ids_over"]


def carry_ids_over(root: Path, hides: Pseudonyms | None) -> None:
    """Put today's pseudonyms (None = ids as delivered) in the place of ids in what earlier runs kept.

    What was kept under a key of which the list of identities knows nothing stays as it is; nobody reads it any more.

    Parameters
    ----------
    root : Path
        Project folder.
    hides : Pseudonyms or None

    Raises
    ------
    EnvironmentFault
        If something cannot be written.
    """
    names: Names | None = None
    with suppress(PrivacyError):  # damaged: then nobody is known
        names = names_of(root)
    if hides is None and names is None:
        return
    for path in _kept(root):
        with suppress(DataError):
            _carry_rows(path, names, hides)
    for folder in sorted((root / BACKTESTS).glob("*/*")):
        with suppress(DataError):
            _carry_backtest(folder, names, hides)


def _kept(root: Path) -> Iterator[Path]:
    return (
        path for place in (RECORDS, WORK, TOLD, SCORE_RECORDS) for path in sorted((root / place).rglob("*.parquet"))
    )


def _carry_rows(path: Path, names: Names | None, hides: Pseudonyms | None) -> None:
    table = read_parquet(path)
    if key_of_ids(table) == _wanted(hides):
        return
    plain = as_delivered(table, names)
    if plain is None:
        return
    data = parquet_bytes(hidden(plain, hides))
    written = path.with_name(f"{path.name.partition('-')[0]}-{digest_bytes(data)[:16]}.parquet")
    write_bytes(data, written)
    if written != path:
        path.unlink()


def _carry_backtest(folder: Path, names: Names | None, hides: Pseudonyms | None) -> None:
    key = key_of_predictions(folder)
    if key == _wanted(hides) or (key is not None and (names is None or names.key_id != key)):
        return
    table = read_parquet(folder / "predictions.parquet")
    ids = table["customer_id"].cast(pa.string()).combine_chunks()
    plain = ids if key is None or names is None else names.known(ids)
    facts = {name: value for name, value in read_json(folder / "facts.json").items() if name != "pseudonyms"}
    if hides is not None:
        facts["pseudonyms"] = hides.key_id
        plain = hides.column(plain)
    with new_folder(folder) as temp:
        write_parquet(with_ids(table, plain), temp / "predictions.parquet")
        write_json(facts, temp / "facts.json")


def _wanted(hides: Pseudonyms | None) -> str | None:
    return None if hides is None else hides.key_id
