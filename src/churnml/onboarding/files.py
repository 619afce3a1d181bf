"""The files a user names: found, told apart by what the reader takes, brought into the folder of the histories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from churnml.errors import ConfigError, DataError
from churnml.histories.contract import is_table_file
from churnml.private_folders import make_private
from churnml.storage import as_fault, digest_file, new_file

__all__ = ["bring", "expand"]

_RENAMED = {".tsv": ".csv", ".txt": ".csv", ".tab": ".csv"}
_SAVE_AS = {".xlsx", ".xls", ".ods", ".json", ".jsonl", ".xml", ".sqlite", ".db", ".zip"}


def expand(named: Sequence[Path]) -> list[Path]:
    """Return the files that are named, those of a folder by name.

    Raises
    ------
    ConfigError
        If a name is none of a file, or of a kind that is not read.
    """
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith((".", "_", "~")))
            taken = [p for p in inside if is_table_file(p.name) or p.suffix.lower() in _RENAMED]
            found += [p for p in taken if p.suffix.lower() != ".txt" or len(taken) == 1]
        elif path.is_file():
            found.append(path)
        else:
            raise ConfigError(
                "file not found", rule="config.file_missing", file=path.name, next_step="Correct the name."
            )
    for path in found:
        if not is_table_file(path.name) and path.suffix.lower() not in _RENAMED:
            kind = "no table that is read" if path.suffix.lower() in _SAVE_AS else "of an unknown kind"
            raise ConfigError(
                kind, rule="config.file_kind", file=path.name, next_step="Save it as .csv, .csv.gz or .parquet."
            )
    if not found:
        raise ConfigError(
            "no .csv and no .parquet file", rule="config.file_missing", next_step="Name files or a folder."
        )
    return list(dict.fromkeys(found))


def bring(paths: Sequence[Path], folder: Path, *, replace: bool = False) -> list[str]:
    """Copy files into a folder, private and each whole or not at all; what lies there already stays.

    Parameters
    ----------
    paths : sequence of Path
    folder : Path
    replace : bool, optional
        Take the place of other files of the same names.

    Returns
    -------
    list of str
        Their names there, in the order given.

    Raises
    ------
    DataError
        If two different files have one name, or another one of that name lies there.
    EnvironmentFault
        If they cannot be written.
    """
    names: list[str] = []
    with as_fault(folder):
        make_private(folder)
    for path in paths:
        suffix = path.suffix.lower()
        name = path.stem + _RENAMED[suffix] if suffix in _RENAMED else path.name
        if name in names:
            raise DataError("two files have this name", rule="data.file_twice", file=name, next_step="Rename one.")
        names.append(name)
        target = folder / name
        if path.resolve() == target.resolve():
            continue
        if target.exists() and not replace and digest_file(target) != digest_file(path):
            raise DataError(
                "another file of this name lies in the folder already",
                rule="data.file_twice",
                file=name,
                next_step="Remove or rename one, or replace it with --force.",
            )
        with new_file(target) as temp:
            shutil.copyfile(path, temp)
            stat = path.stat()
            os.utime(temp, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    return names
