"""Pseudonyms in a project: whether there are any, by which key, and rows that were kept under another."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from churnml.config import Params
from churnml.errors import PrivacyError
from churnml.privacy.keys import find_keys, require_keys
from churnml.privacy.pseudonyms import Pseudonyms

__all__ = ["made_by_key", "pseudonyms_of", "under_key", "with_ids", "with_pseudonym_key"]


def pseudonyms_of(params: Params, *, root: Path) -> Pseudonyms | None:
    """Return what makes the pseudonyms of this project, or None where ids stay as delivered.

    Raises
    ------
    PrivacyError
        If there should be pseudonyms and there is no key.
    """
    return Pseudonyms(require_keys(root)[0]) if params.privacy.pseudonyms else None


def with_pseudonym_key(params: Params, *, root: Path) -> Params:
    """Return the parameters with the name of the key, so that another key makes every table anew.

    Raises
    ------
    PrivacyError
        As :func:`pseudonyms_of`; then no row is read.
    """
    made_by = pseudonyms_of(params, root=root)
    privacy = params.privacy.model_copy(update={"key": made_by.key_id if made_by is not None else None})
    return params.model_copy(update={"privacy": privacy})


def made_by_key(key_id: str, *, root: Path) -> Pseudonyms:
    """Return what makes the pseudonyms of a key that something was prepared with.

    Raises
    ------
    PrivacyError
        If the key is not here.
    """
    for key in find_keys(root):
        if key.id == key_id:
            return Pseudonyms(key)
    raise PrivacyError(
        f"the tables were prepared with the key {key_id}, which is not here",
        rule="privacy.key_missing",
        column="CHURNML_KEY",
        next_step="Hand the key over in CHURNML_KEY or name its file in CHURNML_KEY_FILE; with another key, everything "
        "is made anew by: churnml run.",
    )


def under_key(table: pa.Table, key_id: str | None, *, wanted: str | None, root: Path) -> pa.Table | None:
    """Return rows with ids under one key (None = as delivered) as under another; None where nobody can tell.

    Parameters
    ----------
    table : pyarrow.Table
        With ``customer_id``.
    key_id, wanted : str or None
        Names of keys.
    root : Path
        Project folder.

    Raises
    ------
    PrivacyError
        If the wanted key is needed and is not here.
    """
    if key_id == wanted:
        return table
    if wanted is None or key_id is not None:
        return None
    ids = table["customer_id"].cast(pa.string()).combine_chunks()
    return with_ids(table, made_by_key(wanted, root=root).column(ids))


def with_ids(table: pa.Table, ids: pa.Array) -> pa.Table:
    """Return a table with other ids."""
    return table.set_column(table.column_names.index("customer_id"), "customer_id", ids)
