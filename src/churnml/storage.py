"""Literal paths, digests, temp + rename, Parquet and JSON: what stands under the one reader and the one writer."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from churnml.errors import ConfigError, DataError, EnvironmentFault

__all__ = [
    "digest_bytes",
    "digest_file",
    "new_file",
    "new_folder",
    "read_json",
    "read_parquet",
    "resolve",
    "write_bytes",
    "write_json",
    "write_parquet",
]

_PATTERN = re.compile(r"[*?\[\]{}\x00-\x1f]")


def resolve(name: str, *, root: Path, key: str) -> Path:
    """Turn a name from the configuration into a path inside ``root``.

    Parameters
    ----------
    name : str
        Relative path with forward slashes; no ``..``, patterns, links out, home shortcut, URL or drive.
    root : Path
        Folder that must contain the result.
    key : str
        Key path in ``params.yaml``, for the message.

    Raises
    ------
    ConfigError
        If the name could reach outside ``root`` or names more than one file.
    """
    parts = PurePosixPath(name).parts
    hostile = (
        not name.strip()
        or name != name.strip()
        or name.startswith(("/", "~", "\\"))
        or "\\" in name
        or ":" in name
        or ".." in parts
        or _PATTERN.search(name) is not None
    )
    path = root / name
    if hostile or not _lies_inside(path, root):
        raise ConfigError(
            "not a plain path inside the project",
            rule="config.path",
            column=key,
            next_step="Write a relative path without '..', patterns, links, URL or drive.",
        )
    return path


def _lies_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (ValueError, RuntimeError):  # a text that no file name can hold, a link to itself
        return False


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of some bytes as lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temp_name(final: Path) -> Path:
    return final.parent / f".{final.name}.{secrets.token_hex(8)}.tmp"


def _sweep(final: Path) -> None:
    """Remove what an interrupted earlier run left beside ``final``, and nothing of a longer name's."""
    ours = re.compile(rf"\.{re.escape(final.name)}\.[0-9a-f]{{16}}\.tmp")
    for left in final.parent.iterdir():
        if ours.fullmatch(left.name):
            _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _as_fault(final: Path) -> Iterator[None]:
    """Turn an operating-system error into one a user can act on; nothing is left under the final name."""
    try:
        yield
    except EnvironmentFault:
        raise
    except OSError as error:
        raise EnvironmentFault(
            f"cannot be written ({error.strerror or 'input/output error'})",
            rule="environment.write",
            file=final.name,
            next_step="Free disk space or mend the permissions, then run again.",
        ) from error


@contextmanager
def new_file(final: Path) -> Iterator[Path]:
    """Yield a private temporary path; on success it is synced and renamed to ``final``, on failure removed.

    Raises
    ------
    EnvironmentFault
        If the disk is full or the folder cannot be written.
    """
    with _as_fault(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        _sweep(final)
        temp = _temp_name(final)
        os.close(os.open(temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            yield temp
            _sync(temp)
            temp.replace(final)
            _sync(final.parent)
        finally:
            temp.unlink(missing_ok=True)


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Yield a private temporary folder; on success it takes the place of ``final``, on failure it is removed.

    Raises
    ------
    EnvironmentFault
        If the disk is full or the folder cannot be written.
    """
    with _as_fault(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        _sweep(final)
        temp = _temp_name(final)
        temp.mkdir(mode=0o700)
        try:
            yield temp
            for path in (*temp.rglob("*"), temp):
                _sync(path)
            _take_the_place(temp, final)
            _sync(final.parent)
        finally:
            shutil.rmtree(temp, ignore_errors=True)


def _take_the_place(temp: Path, final: Path) -> None:
    """Rename a folder; what was there before comes back if that fails."""
    if not final.exists():
        temp.rename(final)
        return
    retired = _temp_name(final)
    final.rename(retired)
    try:
        temp.rename(final)
    except BaseException:
        retired.rename(final)
        raise
    _remove(retired)


def write_bytes(data: bytes, final: Path) -> None:
    """Write bytes whole or not at all."""
    with new_file(final) as temp:
        temp.write_bytes(data)


def write_json(value: Any, final: Path) -> None:
    """Write a value as JSON with sorted keys, whole or not at all; not-a-number is refused."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(text.encode() + b"\n", final)


def read_json(path: Path) -> Any:
    """Read a JSON file of our own.

    Raises
    ------
    DataError
        If the file is absent or damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise DataError("file not found", rule="data.file_missing", file=path.name) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            "damaged JSON", rule="data.damaged", file=path.name, next_step="Remove it and run the stage again."
        ) from error


def write_parquet(table: pa.Table, final: Path, *, row_group_size: int = 131_072) -> None:
    """Write an Arrow table as Parquet with page checksums; the same table gives the same bytes."""
    with new_file(final) as temp:
        pq.write_table(table, temp, **PARQUET_OPTIONS, row_group_size=row_group_size)


PARQUET_OPTIONS: dict[str, Any] = {
    "compression": "snappy",
    "use_dictionary": False,
    "write_page_checksum": True,
    "version": "2.6",
    "coerce_timestamps": "us",
}
"""How every Parquet file of ours is written."""


def read_parquet(path: Path, *, columns: list[str] | None = None) -> pa.Table:
    """Read one Parquet file of our own, checksums verified, no partition inference.

    Raises
    ------
    DataError
        If the file is absent, cut or altered.
    EnvironmentFault
        If it may not be read.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as source:
            return source.read(columns=columns)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError("file not found", rule="data.file_missing", file=path.name) from error
    except PermissionError as error:
        raise EnvironmentFault(
            "may not be read", rule="environment.read", file=path.name, next_step="Mend the permissions."
        ) from error
    except MemoryError:  # Arrow's own is an ArrowException too, and says nothing about the file
        raise
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "damaged or no Parquet file", rule="data.damaged", file=path.name, next_step="Deliver or make it again."
        ) from error
