"""DVC's objects and outputs, hashed again: DVC itself trusts an object that is write-protected."""

from __future__ import annotations

import configparser
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from churnml.doctor.findings import DATA, Ailment
from churnml.errors import DataError
from churnml.storage import read_json, write_json
from churnml.temporary import final_name

__all__ = ["cache_folder", "damaged_objects", "look_at_cache", "look_at_outputs", "refuse_damaged", "set_aside"]

_OID = re.compile(r"[0-9a-f]{32}(\.dir)?")
_KNOWN = Path(".churnml") / "objects.json"
_ASIDE = Path(".dvc") / "tmp" / "damaged"


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def cache_folder(root: Path) -> Path:
    """Return where DVC keeps its objects, by its own configuration."""
    found = ".dvc/cache"
    for name in ("config", "config.local"):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            parser.read(root / ".dvc" / name, encoding="utf-8")
            # Relative to the file that says so.
            found = str(Path(".dvc") / parser.get("cache", "dir"))
        except configparser.Error:
            continue
    return root / found


def _objects(cache: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name each object should have as a digest, and where it lies, lists of folders' files included."""
    for folder, suffix in ((cache / "files" / "md5", ""), (cache, ".dir")):
        for path in sorted(folder.glob("??/*")):
            oid = path.parent.name + path.name
            if _OID.fullmatch(oid) and oid.endswith(suffix):
                yield oid, path


def damaged_objects(root: Path, *, only_touched: bool = False) -> list[Path]:
    """Return the objects of DVC's cache that are not what their names say.

    Parameters
    ----------
    root : Path
        Project folder.
    only_touched : bool, optional
        Read only what was touched since it was found whole: what another size, inode, or time of change shows. Nobody
        sets the time of change of an inode but the kernel. False = read all, and so find a disk that forgets.
    """
    marks = _read_marks(root) if only_touched else {}
    bad: list[Path] = []
    whole: dict[str, list[int]] = {}
    for oid, path in _objects(cache_folder(root)):
        stat = path.stat()
        mark = [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]
        if marks.get(oid) == mark or _md5(path) == oid.removesuffix(".dir"):
            whole[oid] = mark
        else:
            bad.append(path)
    if whole != marks and (root / ".dvc").is_dir():
        write_json(whole, root / _KNOWN)
    return bad


def _read_marks(root: Path) -> dict[str, list[int]]:
    try:
        marks = read_json(root / _KNOWN)
    except DataError:
        return {}
    return marks if isinstance(marks, dict) else {}


def set_aside(root: Path, damaged: list[Path]) -> None:
    """Take objects out of the cache, so that what they held is made, or fetched, again."""
    for path in damaged:
        target = root / _ASIDE / (path.parent.name + path.name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.replace(target)


def refuse_damaged(root: Path) -> None:
    """Set damaged objects aside before DVC could use one of them.

    Raises
    ------
    DataError
        Naming the first one, if there was any; the next run makes anew what they held.
    """
    damaged = damaged_objects(root, only_touched=True)
    if damaged:
        first = damaged[0].relative_to(root) if damaged[0].is_relative_to(root) else damaged[0]
        set_aside(root, damaged)
        raise DataError(
            "an object of DVC's cache is not what its name says, and was set aside",
            rule="data.object",
            file=first.as_posix(),
            count=len(damaged),
            next_step="Run again: what it held is made anew. A file added by hand comes back with dvc pull.",
        )


def look_at_cache(root: Path) -> Iterator[Ailment]:
    """Yield each object of DVC's cache that does not have the digest it is named by; reads every object."""
    for path in damaged_objects(root):
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
        what = f"the object {name} of DVC's cache is not what its name says"
        yield Ailment("doctor.cache", what, f"rm -f {name} && churnml run", DATA)


def look_at_outputs(root: Path) -> Iterator[Ailment]:
    """Yield the outputs that are not what ``dvc.lock`` says; reads every file. What is not there is no finding."""
    try:
        stages = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    except FileNotFoundError:
        return
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
        yield Ailment("doctor.dvc_lock", "dvc.lock cannot be read", "git checkout -- dvc.lock", DATA)
        return
    for name, stage in stages.items():
        for out in stage.get("outs", []):
            path = root / out["path"]
            if path.exists() and "md5" in out and _digest_of(path) != out["md5"]:
                what = f"the output {out['path']} is not what was written by {name}"
                yield Ailment("doctor.output", what, f"rm -rf {out['path']} && churnml run {name}", DATA)


def _digest_of(path: Path) -> str:
    """Return what DVC calls the digest of a file, or of a folder: that of the list of its files."""
    if path.is_file():
        return _md5(path)
    entries: list[dict[str, Any]] = []
    for file in path.rglob("*"):
        parts = file.relative_to(path).parts
        if file.is_file() and all(final_name(part) == part for part in parts):
            entries.append({"md5": _md5(file), "relpath": "/".join(parts)})
    listed = json.dumps(sorted(entries, key=lambda entry: str(entry["relpath"])), sort_keys=True).encode()
    return hashlib.md5(listed, usedforsecurity=False).hexdigest() + ".dir"
