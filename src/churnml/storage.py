"""Literal paths, digests, temp + rename, Parquet and JSON: what stands under the one reader and the one writer."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
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
    "open_parquet",
    "parquet_rows",
    "read_bytes",
    "read_json",
    "read_parquet",
    "read_sealed_json",
    "resolve",
    "write_bytes",
    "write_json",
    "write_parquet",
    "write_parquet_parts",
    "write_sealed_json",
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
    write_bytes(_json_bytes(value), final)


def _json_bytes(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def write_sealed_json(value: dict[str, Any], final: Path) -> None:
    """Write a mapping as :func:`write_json` does, with the digest of its own text under ``digest``."""
    write_json(value | {"digest": digest_bytes(_json_bytes(value))}, final)


def read_sealed_json(path: Path) -> dict[str, Any]:
    """Read what :func:`write_sealed_json` wrote.

    Raises
    ------
    DataError
        If the file is absent or differs in one bit from what was written.
    """
    value = read_json(path)
    content = {key: value[key] for key in value if key != "digest"} if isinstance(value, dict) else {}
    sealed = content | {"digest": digest_bytes(_json_bytes(content))}
    if path.read_bytes() != _json_bytes(sealed):
        raise _other_digest(path.name)
    return content


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


def write_parquet(
    table: pa.Table, final: Path, *, row_group_size: int = 131_072, coded: Sequence[str] | None = None
) -> None:
    """Write an Arrow table as Parquet with page checksums; the same table gives the same bytes.

    Parameters
    ----------
    table : pyarrow.Table
    final : Path
    row_group_size : int
    coded : sequence of str, optional
        Text columns written as a vocabulary and codes whatever their size, the others plain and without statistics,
        in one row group: for files that are read back column by column. None = every column plain.
    """
    options = PARQUET_OPTIONS | {"row_group_size": row_group_size}
    if coded is not None:
        options |= _CODED_OPTIONS | {"use_dictionary": list(coded) or False}
    with new_file(final) as temp:
        pq.write_table(table, temp, **options)


def write_parquet_parts(parts: Iterable[pa.Table], final: Path) -> int:
    """Write tables of one schema as the row groups of one Parquet file, one at a time; returns the rows written.

    Made for wide tables of numbers: text is coded, and no extremes are kept of any column.
    """
    n_rows, sink = 0, None
    with new_file(final) as temp:
        try:
            for part in parts:
                if sink is None:
                    texts = [field.name for field in part.schema if not pa.types.is_floating(field.type)]
                    options = PARQUET_OPTIONS | {"use_dictionary": texts, "write_statistics": False}
                    sink = pq.ParquetWriter(temp, part.schema, **options)
                sink.write_table(part, row_group_size=max(1, part.num_rows))
                n_rows += part.num_rows
        finally:
            if sink is not None:
                sink.close()
    return n_rows


PARQUET_OPTIONS: dict[str, Any] = {
    "compression": "snappy",
    "use_dictionary": False,
    "write_page_checksum": True,
    "version": "2.6",
    "coerce_timestamps": "us",
}
"""How every Parquet file of ours is written."""

_CODED_OPTIONS: dict[str, Any] = {
    "dictionary_pagesize_limit": 1 << 30,  # a vocabulary that outgrew it would be written as plain text
    "row_group_size": 1 << 26,
    "store_decimal_as_integer": True,
    "write_statistics": False,
}


def read_parquet(path: Path, *, columns: list[str] | None = None, coded: Sequence[str] = ()) -> pa.Table:
    """Read one Parquet file of our own, checksums verified, no partition inference.

    Parameters
    ----------
    path : Path
    columns : list of str, optional
        None = all.
    coded : sequence of str
        Text columns that come as a vocabulary and codes.

    Raises
    ------
    DataError
        If the file is absent, cut or altered.
    EnvironmentFault
        If it may not be read.
    """
    options: dict[str, Any] = {"page_checksum_verification": True, "read_dictionary": list(coded)}
    with _as_damage(path.name), pq.ParquetFile(path, **options) as source:
        return source.read(columns=columns)


def parquet_rows(path: Path) -> int:
    """Return how many rows a Parquet file of our own says it holds; raises as :func:`read_parquet`."""
    with _as_damage(path.name), pq.ParquetFile(path) as source:
        return int(source.metadata.num_rows)


def read_bytes(path: Path, *, name: str, digest: str) -> pa.Buffer:
    """Read a file whole and verify its SHA-256.

    Parameters
    ----------
    path : Path
    name : str
        How a message names the file.
    digest : str

    Raises
    ------
    DataError
        If the file is absent or has another digest.
    EnvironmentFault
        If it may not be read.
    """
    with _as_damage(name):
        data = path.read_bytes()
    if digest_bytes(data) != digest:
        raise _other_digest(name)
    return pa.py_buffer(data)


def _other_digest(name: str) -> DataError:
    return DataError(
        "not what was written: its digest differs",
        rule="data.digest",
        file=name,
        count=1,
        next_step="Remove the folder and run the stage that makes it again.",
    )


def open_parquet(data: pa.Buffer, *, name: str) -> pq.ParquetFile:
    """Open a Parquet file of our own whose verified bytes are in memory; its columns are decoded when asked for."""
    with _as_damage(name):
        return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)


@contextmanager
def _as_damage(name: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError("file not found", rule="data.file_missing", file=name) from error
    except PermissionError as error:
        raise EnvironmentFault(
            "may not be read", rule="environment.read", file=name, next_step="Mend the permissions."
        ) from error
    except MemoryError:  # Arrow's own is an ArrowException too, and says nothing about the file
        raise
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "damaged or no Parquet file", rule="data.damaged", file=name, next_step="Deliver or make it again."
        ) from error
