"""Files kept by day, outside of every stage's outputs: numbered within a day, named by digest, never touched again."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

from churnml.storage import digest_bytes, digest_fault, digest_file, write_bytes

__all__ = ["all_kept", "days_kept", "forget_day", "keep_dated", "name_anew", "newest_of_day"]

_NAME = re.compile(r"(\d{4,})-([0-9a-f]{16})\.parquet")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def keep_dated(data: bytes, folder: Path, day: date) -> None:
    """Keep the file of a run under its day as ``<folder>/<day>/<number>-<digest>.parquet``.

    Runs of one day are numbered. One that is what the newest of its day is adds nothing.

    Raises
    ------
    EnvironmentFault
        If the folder cannot be written.
    """
    digest = digest_bytes(data)[:16]
    kept = _kept(folder / day.isoformat())
    newest = max(kept, default=0)
    if not kept or kept[newest][1] != digest:
        for path in (folder, folder / day.isoformat()):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_bytes(data, folder / day.isoformat() / f"{newest + 1:04}-{digest}.parquet")


def days_kept(folder: Path) -> list[date]:
    """Return the days with a file, ascending."""
    names = [path.name for path in folder.iterdir() if _DAY.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(date.fromisoformat(name) for name in names if _kept(folder / name))


def newest_of_day(folder: Path, day: date) -> Path:
    """Return the newest file of a day.

    Raises
    ------
    DataError
        If it is damaged.
    """
    kept = _kept(folder / day.isoformat())
    path, digest = kept[max(kept)]
    if digest_file(path)[:16] != digest:
        raise digest_fault(path.name)
    return path


def all_kept(folder: Path) -> list[Path]:
    """Return every file, by day and number, where each adds to the ones before.

    Raises
    ------
    DataError
        If one is damaged.
    """
    files = [_kept(folder / day.isoformat())[number] for day in days_kept(folder) for number in _numbers(folder, day)]
    for path, digest in files:
        if digest_file(path)[:16] != digest:
            raise digest_fault(path.name)
    return [path for path, _ in files]


def _numbers(folder: Path, day: date) -> list[int]:
    return sorted(_kept(folder / day.isoformat()))


def name_anew(path: Path) -> None:
    """Name a kept file by the digest of what it holds now, after rows were taken out of it on purpose."""
    found = _NAME.fullmatch(path.name)
    if found is not None and _DAY.fullmatch(path.parent.name) and path.is_file():
        path.rename(path.with_name(f"{found[1]}-{digest_file(path)[:16]}.parquet"))


def forget_day(folder: Path, day: date) -> None:
    """Remove what is kept of a day."""
    shutil.rmtree(folder / day.isoformat(), ignore_errors=True)


def _kept(folder: Path) -> dict[int, tuple[Path, str]]:
    """Return number -> (file, digest) of one day."""
    paths = folder.iterdir() if folder.is_dir() else ()
    return {int(found[1]): (path, found[2]) for path in paths if (found := _NAME.fullmatch(path.name))}
