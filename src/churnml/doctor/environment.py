"""The machine and the installation: Python, packages against the lock, libraries, locale, disk."""

from __future__ import annotations

import ctypes
import locale
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from churnml.doctor.findings import NOTE, Ailment

__all__ = ["look_at_disk", "look_at_machine", "look_at_packages"]

_PYTHON = ((3, 11), (3, 13))
_LEAST_FREE = 1 << 30
_TIMES_RAW = 4
"""Prepared files, features, their cache and temporary files together take about so many times the raw files."""


def look_at_machine() -> Iterator[Ailment]:
    """Yield what is wrong with Python, its locale, or the library that LightGBM needs."""
    if not _PYTHON[0] <= sys.version_info[:2] < _PYTHON[1]:
        version = ".".join(map(str, sys.version_info[:3]))
        yield Ailment("doctor.python", f"Python {version} is not 3.11 or 3.12", "uv python install 3.12 && make setup")
    if locale.getpreferredencoding(do_setlocale=False).lower().replace("-", "") != "utf8":
        yield Ailment("doctor.locale", "the locale's encoding is not UTF-8", "export LC_ALL=C.UTF-8")
    try:
        ctypes.CDLL("libgomp.so.1" if sys.platform.startswith("linux") else "libomp.dylib")
    except OSError:
        command = "apt-get install libgomp1" if sys.platform.startswith("linux") else "brew install libomp"
        yield Ailment("doctor.libgomp", "the OpenMP library that LightGBM loads is not there", command)


def look_at_packages(lock: Path, *, installed: Mapping[str, str] | None = None) -> Iterator[Ailment]:
    """Yield the packages that churnml needs and that are absent or not those of the lock.

    Parameters
    ----------
    lock : Path
        ``uv.lock``; where there is none, versions are not compared.
    installed : mapping of str to str, optional
        Name -> version; default: what is installed.
    """
    found = _installed() if installed is None else installed
    needed = _needed("")
    if "dvc" in found:
        needed |= _needed("pipeline")
    else:
        what = "this installation scores, and neither trains nor makes lists"
        yield Ailment("doctor.lean", what, "pip install 'churnml[pipeline]'", NOTE)
    missing = sorted(name for name in needed if name not in found)
    if missing:
        yield Ailment("doctor.package_missing", f"{_named(missing)} not installed", "make setup")
    if not lock.is_file():
        return
    try:
        packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    except (tomllib.TOMLDecodeError, KeyError, UnicodeDecodeError):
        yield Ailment("doctor.lock_file", "uv.lock cannot be read", "git checkout -- uv.lock")
        return
    locked: dict[str, set[str]] = {}
    for package in packages:
        locked.setdefault(package["name"], set()).add(package.get("version", ""))
    other = sorted(name for name in needed if name in found and found[name] not in locked.get(name, {found[name]}))
    if other:
        yield Ailment("doctor.package_version", f"{_named(other)} not in the version of uv.lock", "make setup")


def _named(names: list[str]) -> str:
    return f"{', '.join(names[:4])}{f' and {len(names) - 4} more' if len(names) > 4 else ''}"


def _installed() -> dict[str, str]:
    return {_normal(each.metadata["Name"]): each.version for each in metadata.distributions() if each.metadata["Name"]}


def _needed(extra: str) -> set[str]:
    """Return the packages of an extra, or without a name those that churnml always needs."""
    marked = re.compile(rf"""extra\s*==\s*['"]{extra}['"]""") if extra else None
    required = (
        text
        for text in metadata.requires("churnml") or ()
        if (marked.search(text) if marked else "extra ==" not in text)
    )
    return {_normal(re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0]) for text in required}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def look_at_disk(root: Path, raw: Path | None) -> Iterator[Ailment]:
    """Yield that there is too little room for a run.

    Parameters
    ----------
    root : Path
        Project folder.
    raw : Path or None
        Folder of the raw files.
    """
    free = shutil.disk_usage(root).free
    size = sum(path.stat().st_size for path in raw.rglob("*") if path.is_file()) if raw and raw.is_dir() else 0
    wanted = max(_LEAST_FREE, _TIMES_RAW * size)
    if free < wanted:
        what = f"{free / 1e9:,.1f} GB are free, a run may need {wanted / 1e9:,.1f} GB"
        yield Ailment("doctor.disk", what, "dvc gc --workspace")
    if not size and raw is not None and not raw.is_dir():
        yield Ailment("doctor.raw", "the folder of the raw files is not there", "churnml check", NOTE)
