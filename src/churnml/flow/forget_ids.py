"""Whom to forget, as the command line says it, and whether that could be done."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from churnml.errors import ConfigError, DataError, PrivacyError
from churnml.flow.forget import Forgotten

__all__ = ["ids_to_forget", "require_complete"]

_COLUMN = "customer_id"


def ids_to_forget(customers: Sequence[str], file: Path | None) -> list[str]:
    """Return the ids of the command line and of a file, each once.

    Parameters
    ----------
    customers : sequence of str
    file : Path or None
        CSV: the column ``customer_id``, where there is none the first one; ``-`` is the standard input.

    Raises
    ------
    ConfigError
        If there is nobody, or the file cannot be read.
    """
    found = [*customers, *(_of_file(file) if file is not None else ())]
    ids = list(dict.fromkeys(each for each in found if each.strip()))
    if not ids:
        raise ConfigError(
            "nobody is named", rule="config.nobody", column="CUSTOMER", next_step="Name ids, or a file with --file."
        )
    return ids


def _of_file(file: Path) -> list[str]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            "cannot be read as UTF-8 text", rule="config.file_missing", file=file.name, column="--file"
        ) from None
    rows = [row for row in csv.reader(text.splitlines()) if row]
    header = [name.strip() for name in rows[0]] if rows else []
    if _COLUMN not in header:
        return [row[0] for row in rows]
    place = header.index(_COLUMN)
    return [row[place] for row in rows[1:] if len(row) > place]


def require_complete(done: Forgotten) -> None:
    """Say by an exit code what was left, or that somebody was not known.

    Raises
    ------
    PrivacyError
        If files of the project still name one of the persons.
    DataError
        If nothing was found of somebody who had not been forgotten before.
    """
    if done.n_left:
        raise PrivacyError(
            "files that are not the pipeline's still name one of the persons",
            rule="privacy.left",
            count=done.n_left,
            next_step="Change or remove the files named above, then run the same command again.",
        )
    if done.n_unknown:
        raise DataError(
            "nothing was found of some of the persons; they are kept out of later runs all the same",
            rule="privacy.not_found",
            count=done.n_unknown,
            next_step="Look at the ids: they are compared as delivered, with leading zeros and capital letters.",
        )
