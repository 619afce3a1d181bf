"""Literal paths, digests, temp + rename and JSON: what stands under the one reader and the one writer."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from churnml.confined import refuse_outside
from churnml.errors import ConfigError, DataError, EnvironmentFault
from churnml.private_folders import make_private, refuse_shared
from churnml.temporary import exchange, final_name, held, remove, size_of, sweep_beside, temp_name

__all__ = [
    "NO_ROOM",
    "as_fault",
    "digest_bytes",
    "digest_fault",
    "digest_file",
    "new_file",
    "new_folder",
    "private_folder",
    "read_json",
    "read_sealed_json",
    "resolve",
    "write_bytes",
    "write_json",
    "write_sealed_json",
]

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk, a quota or a limit that is full."""
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
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


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the SHA-256 of some bytes as lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_fault(name: str) -> DataError:
    """Return the error for a file of our own that is not what was written."""
    return DataError(
        "not what was written: its digest differs",
        rule="data.digest",
        file=name,
        count=1,
        next_step="Remove the folder and run the stage that makes it again.",
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def as_fault(final: Path, *, temp: Path | None = None, needs: int = 0) -> Iterator[None]:
    """Turn an operating-system error into one a user can act on; nothing is left under the final name.

    Parameters
    ----------
    final : Path
    temp : Path, optional
        Where it is being written.
    needs : int, optional
        Bytes it takes, as far as that is known beforehand.
    """
    try:
        yield
    except EnvironmentFault:
        raise
    except OSError as error:
        raise _write_fault(error, final, needs=needs, written=size_of(temp) if temp else 0) from error


def _write_fault(error: OSError, final: Path, *, needs: int, written: int) -> EnvironmentFault:
    """Say which path could not be written, and how many bytes it takes or which folder is closed."""
    # Arrow says more than the system does, in words of its own.
    why, rule = os.strerror(error.errno) if error.errno else "input/output error", "environment.write"
    next_step = "Free disk space or mend the permissions, then run again."
    folder = next((each for each in final.parents if each.is_dir()), final.parent)
    if error.errno in NO_ROOM:
        wanted = f"about {needs:,}" if needs > written else f"more than {written:,}"
        rule, why = "environment.no_room", f"{why}; {wanted} bytes are needed, {_free(folder)} are free"
        next_step = "Free disk space, then run again."
    elif error.errno in _CLOSED:
        rule, why = "environment.read_only", f"{why}; folder {_shown(folder)}"
        next_step = "Mend the permissions of the folder, then run again."
    return EnvironmentFault(f"cannot be written ({why})", rule=rule, file=_shown(final), next_step=next_step)


def _free(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free:,}"
    except OSError:
        return "too few"


def _shown(path: Path) -> str:
    """Return a path as its user knows it: from the folder of work, and without temporary names in it."""
    plain = Path(*(final_name(part) for part in path.parts))
    here = Path.cwd()
    return (plain.relative_to(here) if plain.is_relative_to(here) else plain).as_posix()


@contextmanager
def _beside(final: Path, *, needs: int = 0) -> Iterator[Path]:
    """Yield a free name beside ``final``; what stands under it at the end is removed."""
    temp = temp_name(final)
    refuse_outside(final)
    try:
        with as_fault(final, temp=temp, needs=needs):
            make_private(final.parent)
            sweep_beside(final)
            yield temp
            _sync(final.parent)
    finally:
        with suppress(OSError):
            remove(temp)


@contextmanager
def new_file(final: Path, *, needs: int = 0) -> Iterator[Path]:
    """Yield a private temporary path; on success it is synced and renamed to ``final``, on failure removed.

    Parameters
    ----------
    final : Path
    needs : int, optional
        Bytes it takes, where that is known beforehand: told where there is no room.

    Raises
    ------
    EnvironmentFault
        If the disk is full or the folder cannot be written, naming it.
    """
    with (
        _beside(final, needs=needs) as temp,
        held(os.open(temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)),
    ):
        yield temp
        _sync(temp)
        temp.replace(final)


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Yield a private temporary folder; on success it takes the place of ``final``, on failure it is removed.

    Raises as :func:`new_file`, and as :func:`churnml.private_folders.refuse_shared`.
    """
    refuse_shared(final.parent)
    with _beside(final) as temp:
        temp.mkdir(mode=0o700)
        with held(os.open(temp, os.O_RDONLY)):
            yield temp
            for path in (*temp.rglob("*"), temp):
                _sync(path)
            _take_the_place(temp, final)


@contextmanager
def private_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a private temporary folder that is removed at the end; what a killed run left of it is removed first.

    Raises as :func:`new_file`.

    Parameters
    ----------
    parent : Path
        Made where it is not there.
    name : str
        What it is for, as a part of its name.
    """
    temp = temp_name(parent / name)
    refuse_outside(temp)
    with as_fault(parent):
        make_private(parent)
        refuse_shared(parent)
        sweep_beside(parent / name)
        temp.mkdir(mode=0o700)
    try:
        with held(os.open(temp, os.O_RDONLY)):
            yield temp
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def _take_the_place(temp: Path, final: Path) -> None:
    """Rename a folder; what was there before is removed after it, or comes back if that fails."""
    if not os.path.lexists(final):
        temp.rename(final)
    elif not exchange(temp, final):
        retired = temp_name(final)
        final.rename(retired)
        try:
            temp.rename(final)
        except BaseException:
            retired.rename(final)
            raise
        remove(retired)


def write_bytes(data: bytes, final: Path) -> None:
    """Write bytes whole or not at all."""
    with new_file(final, needs=len(data)) as temp:
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
        raise digest_fault(path.name)
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
