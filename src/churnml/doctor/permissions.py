"""Who may read what: data of customers are for their owner alone, and nothing may be written by everybody."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from churnml.doctor.findings import ENVIRONMENT, PRIVACY, Ailment

__all__ = ["look_at_permissions"]

_PRIVATE = ("data", ".dvc/cache", "mlartifacts", "mlflow.db", ".churnml")
_TOLD = "README.md"
"""What a folder is for, as it comes with every clone: nothing private."""
_MOST_FILES = 200_000


def look_at_permissions(root: Path) -> Iterator[Ailment]:
    """Yield private places that others can read, places that everybody can write, and what cannot be written.

    Parameters
    ----------
    root : Path
        Project folder.
    """
    for name in _PRIVATE:
        path = root / name
        if not path.exists():
            continue
        n_open, n_written = _open_to_others(path)
        if n_open:
            what = f"{n_open:,} files in {name} can be read by every user of this machine"
            yield Ailment("doctor.readable", what, f"chmod -R go-rwx {name}", PRIVACY)
        if n_written:
            what = f"{n_written:,} places in {name} can be changed by every user of this machine"
            yield Ailment("doctor.writable", what, f"chmod -R o-w {name}", PRIVACY)
        if not os.access(path, os.W_OK):
            yield Ailment("doctor.read_only", f"{name} cannot be written", f"chmod -R u+rwX {name}", ENVIRONMENT)
    if root.stat().st_mode & stat.S_IWOTH:
        yield Ailment("doctor.writable", "the project's folder can be changed by every user", "chmod o-w .", PRIVACY)
    if not os.access(root, os.W_OK):
        yield Ailment("doctor.read_only", "the project's folder cannot be written", "chmod u+rwx .", ENVIRONMENT)


def _open_to_others(path: Path) -> tuple[int, int]:
    """Return how many files others can read, and places they can write; a closed folder closes what is in it."""
    if path.is_file():
        mode = path.stat().st_mode
        return int(bool(mode & stat.S_IROTH)), int(bool(mode & stat.S_IWOTH))
    n_open = n_written = n_seen = 0
    for folder, folders, files in os.walk(path):
        mode = os.stat(folder).st_mode
        n_written += bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX
        if not mode & stat.S_IXOTH:
            folders.clear()
            continue
        for name in files:
            if name == _TOLD:
                continue
            file = os.lstat(os.path.join(folder, name)).st_mode
            n_open += stat.S_ISREG(file) and bool(file & stat.S_IROTH)
            n_written += stat.S_ISREG(file) and bool(file & stat.S_IWOTH)
        n_seen += len(files)
        if n_seen > _MOST_FILES:
            break
    return n_open, n_written
