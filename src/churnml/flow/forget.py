"""`churnml forget`: persons taken out of a project, kept out of every later run, and a receipt of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import Params
from churnml.errors import ChurnmlError
from churnml.flow.contracts import contracts, fetched_files
from churnml.flow.list_files import keep_records
from churnml.flow.named import drop_identities
from churnml.flow.pseudonyms import pseudonyms_of
from churnml.forgetting.locks import alone
from churnml.forgetting.places import Layout, layout_of
from churnml.forgetting.receipt import exports_of, receipt_path, sentence, to_do, write_receipt
from churnml.forgetting.rows import Columns, ids_in
from churnml.forgetting.sweep import Swept, still_there, sweep
from churnml.forgetting.traces import Traces, traces_of
from churnml.forgetting.tracked import registered_versions
from churnml.histories.cells import plain, text_cells
from churnml.histories.contract import TableContract, is_table_file
from churnml.histories.sources import open_source
from churnml.histories.store import open_history
from churnml.privacy.keys import Key, require_keys
from churnml.privacy.pseudonyms import Pseudonyms
from churnml.privacy.suppression import load_suppression, suppress
from churnml.storage import resolve
from churnml.temporary import sweep_below
from churnml.wording import LANGUAGES

__all__ = ["Forgotten", "forget"]

_ROLES = ("name", "email", "phone")
_TEMPORARY = ("data", ".churnml", "models", "reports", "privacy")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What came of it.

    Parameters
    ----------
    receipt : dict
    path : Path
        Of the receipt.
    n_unknown : int
        Persons of whom nothing was found, and who had not been forgotten before.
    """

    receipt: dict[str, Any]
    path: Path
    n_unknown: int

    @property
    def n_left(self) -> int:
        """Return how many files of the project still hold one of the persons."""
        return sum(item["kind"] == "file" for item in self.receipt["to_do"])


def forget(params: Params, *, root: Path, customers: Sequence[str], at: date) -> Forgotten:
    """Take persons out of everything in a project; first of all they are put on the list of who must not come back.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.
    customers : sequence of str
        Ids as delivered, each once.
    at : date
        Today, for the receipt.

    Raises
    ------
    PrivacyError
        If there is no key; nothing was changed then.
    DataError
        If a file with contact data cannot be read; then it is not known by what else a person is found.
    EnvironmentFault
        If the pipeline runs, somebody else is being forgotten, or something cannot be written. The same command goes
        on from there.
    """
    keys = require_keys(root)
    with alone(root):
        sweep_below(root, _TEMPORARY)
        keep_records(root, hides=pseudonyms_of(params, root=root))
        layout = _layout(params, root)
        traces = _traces(params, layout, [*customers, *_hidden(customers, keys)])
        before = load_suppression(root)
        was_known = {each for each in customers if before is not None and before.holds(each)}
        seen = {each for path, columns in layout.tables.items() for each in ids_in(path, traces, columns)}
        exports = exports_of(root, [path for path in _delivered(root) if _names(path, traces)])
        hashes = suppress(root, customers)
        drop_identities(root, customers)
        path = receipt_path(root, at=at, hashes=list(hashes.values()))
        began = {"state": "begun", "date": at.isoformat(), "key": keys[0].id, "persons": sorted(hashes.values())}
        write_receipt(began, path)
        swept = sweep(layout, traces)
        left = still_there(layout, traces)
        receipt = began | _said(params, root, swept, exports=exports, left=left, at=at, n_persons=len(hashes))
        write_receipt(receipt, path)
    unknown = [] if len(customers) == 1 and swept.found else [each for each in customers if each not in seen]
    return Forgotten(receipt, path, len(set(unknown) - was_known))


def _hidden(customers: Sequence[str], keys: Sequence[Key]) -> Iterator[str]:
    """Yield the pseudonyms under which the persons may stand in what was made with any of the keys."""
    return (Pseudonyms(key).of(customer) for key in keys for customer in customers)


def _layout(params: Params, root: Path) -> Layout:
    """Return the layout of the project; the files with contact data come last."""
    folder = params.histories.folder
    raw = root / folder if folder is not None else None
    tables: dict[Path, Columns] = {}
    for contract in sorted(_contracts(params), key=lambda one: (one.kind == "customers", one.name)):
        for path in _files(contract, raw) if raw is not None and contract.id else ():
            tables[path] = Columns((contract.id,), contract.csv)
    return layout_of(root, raw=raw, tables=tables)


def _contracts(params: Params) -> list[TableContract]:
    found = contracts(params)
    if params.histories.database is None:
        return found
    return [replace(each, files=fetched_files(each)) for each in found]


def _files(contract: TableContract, raw: Path) -> Iterator[Path]:
    for name in contract.sources:
        path = resolve(name, root=raw, key=f"histories.tables.{contract.name}.file")
        if path.is_dir():
            yield from sorted(each for each in path.iterdir() if each.is_file() and is_table_file(each.name))
        elif path.is_file():
            yield path


def _traces(params: Params, layout: Layout, customers: Sequence[str]) -> Traces:
    """Return by what the persons are found: their ids, and contact data that nobody else has."""
    ids = pa.array(sorted(set(customers)), pa.string())
    theirs: dict[str, set[str]] = {role: set() for role in _ROLES}
    for table in _contacts(params, layout):
        is_theirs = pc.is_in(table["customer_id"], value_set=ids)
        for role in set(_ROLES) & set(table.column_names):
            theirs[role] |= _texts(table[role].filter(is_theirs))
    for table in _contacts(params, layout) if any(theirs.values()) else ():
        others = pc.invert(pc.is_in(table["customer_id"], value_set=ids))
        for role in set(_ROLES) & set(table.column_names):
            values = pa.array(sorted(theirs[role]), pa.string())
            shared = pc.and_(others, pc.is_in(table[role], value_set=values))
            theirs[role] -= _texts(table[role].filter(shared))
    return traces_of(customers, theirs, country=params.exports.country or "")


def _texts(column: pa.ChunkedArray) -> set[str]:
    return {value for value in column.unique().to_pylist() if value}


def _contacts(params: Params, layout: Layout) -> Iterator[pa.Table]:
    """Yield ids and contact data, of the files and of what was prepared of them."""
    folder = params.histories.folder
    for contract in _contracts(params):
        if contract.kind == "customers" and contract.contact and folder is not None and _is_there(contract, layout):
            with open_source(root=layout.root, folder=folder) as source:
                for part in source.parts(contract):
                    for batch in part.batches():
                        yield pa.Table.from_batches([_roles(batch, contract)])
    with contextlib.suppress(ChurnmlError):  # not there, or damaged: the next run makes it
        contacts = open_history(layout.root / "data" / "prepared").contacts()
        if contacts is not None:
            yield contacts.rename_columns([name.removeprefix("contact_") for name in contacts.column_names])


def _is_there(contract: TableContract, layout: Layout) -> bool:
    return layout.raw is not None and all((layout.raw / name).exists() for name in contract.sources)


def _roles(batch: pa.RecordBatch, contract: TableContract) -> pa.RecordBatch:
    columns = {"customer_id": contract.id, **{role: contract.contact.get(role) for role in _ROLES}}
    nulls = contract.csv.null_values
    return pa.RecordBatch.from_pydict(
        {name: text_cells(plain(batch[column]), nulls) for name, column in columns.items() if column}
    )


def _delivered(root: Path) -> list[Path]:
    """Return the folders of files for CRMs."""
    found = [*root.glob("data/lists/*/*/manifest.json"), *root.glob("data/exports/*/*/manifest.json")]
    return sorted(path.parent for path in found)


def _names(folder: Path, traces: Traces) -> bool:
    return any(traces.in_bytes(path.read_bytes()) for path in folder.iterdir() if path.is_file())


def _said(
    params: Params,
    root: Path,
    swept: Swept,
    *,
    exports: Sequence[Mapping[str, Any]],
    left: Sequence[str],
    at: date,
    n_persons: int,
) -> dict[str, Any]:
    """Return what the receipt says beside who and when."""
    models = registered_versions(root / "mlflow.db")
    by = at + timedelta(days=params.privacy.retrain_within_days)
    items = to_do(
        root,
        has_database=params.histories.database is not None,
        exports=[dict(each) for each in exports],
        left=left,
    )
    return {
        "state": "incomplete" if left else "done",
        "counts": {name: swept.counts[name] for name in ("sources", "kept", "made", "caches", "objects", "record")},
        "removed": swept.removed,
        "sentence": {each: sentence(swept, n_persons=n_persons, n_left=len(left), language=each) for each in LANGUAGES},
        "to_do": items,
        # A model is not anonymous by default: it learned from the person, though it holds no row.
        "retrain": {"by": by.isoformat(), "models": models, "command": "churnml run"},
    }
