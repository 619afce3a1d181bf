"""Temporary names beside final ones: locked while somebody fills them, swept once nobody does."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["exchange", "final_name", "held", "remove", "size_of", "sweep_below", "sweep_beside", "temp_name"]

_TOKEN = r"\.[0-9a-f]{16}\.tmp"
_OURS = re.compile(rf"\.+(?P<final>.+?)(?:{_TOKEN})+|\.(?:build|check|compare|init|prepare|score|spill|verify)-\w{{8}}")
"""What the writer makes, and the private folders of releases before it did."""
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_NOT_SUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}


def temp_name(final: Path) -> Path:
    """Return a new temporary name beside a final one."""
    return final.parent / f".{final.name}.{secrets.token_hex(8)}.tmp"


def final_name(name: str) -> str:
    """Return what a temporary file or folder will be called.

    Examples
    --------
    >>> final_name(".scores.parquet.0123456789abcdef.tmp"), final_name("scores.parquet")
    ('scores.parquet', 'scores.parquet')
    """
    ours = _OURS.fullmatch(name)
    return (ours["final"] or name) if ours else name


@contextmanager
def held(descriptor: int) -> Iterator[None]:
    """Keep sweepers away from an open file or folder; the kernel lets go of it when the process dies, however it does.

    Where the file system knows no locks, nothing is held, and nothing is swept but beside the same final name.
    """
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _is_held(path: Path, *, if_unknown: bool) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return False if error.errno == errno.ELOOP else if_unknown  # nobody of ours fills a link
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return if_unknown
    finally:
        os.close(descriptor)
    return False


def sweep_beside(final: Path) -> None:
    """Remove what killed runs left beside ``final``, nothing of a longer name's, and nothing being written just now.

    A temporary folder may have been filled as a whole by way of another one, which lies beside it.
    """
    name = re.escape(final.name)
    ours = re.compile(rf"\.{name}{_TOKEN}|\.\.{name}{_TOKEN}{_TOKEN}")
    for left in final.parent.iterdir():
        if ours.fullmatch(left.name) and not _is_held(left, if_unknown=False):
            remove(left)


def sweep_below(root: Path, folders: Iterable[str]) -> list[str]:
    """Remove what killed runs left anywhere in some folders of a project, and directly in the project's own.

    Parameters
    ----------
    root : Path
        Project folder.
    folders : iterable of str
        Names in it; one that is not there is passed over, links are not followed.

    Returns
    -------
    list of str
        What was removed, relative to ``root``.
    """
    swept: list[str] = []
    for place, names, files in _walked(root, folders):
        for name in [*names, *files]:
            path = Path(place, name)
            if _OURS.fullmatch(name) and not _is_held(path, if_unknown=True):
                with suppress(OSError):  # what cannot be removed harms nobody: the writer will say why
                    remove(path)
                    swept.append(path.relative_to(root).as_posix())
        names[:] = [name for name in names if not _OURS.fullmatch(name)]
    return sorted(swept)


def _walked(root: Path, folders: Iterable[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    yield next(os.walk(root), (str(root), [], []))
    for folder in folders:
        if not (root / folder).is_symlink():
            yield from os.walk(root / folder)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; what is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Return how many bytes lie under a name, as far as they can be seen."""
    paths = path.rglob("*") if path.is_dir() else [path]
    with suppress(OSError):
        return sum(each.stat().st_size for each in paths if each.is_file())
    return 0


def exchange(one: Path, other: Path) -> bool:
    """Let two names change places in one step; returns whether the system can do that.

    Raises
    ------
    OSError
        If it can and did not succeed.
    """
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(other))
