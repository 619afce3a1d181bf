"""Writing in one folder only: while a drill is at work, nothing outside of its workspace can be changed."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from churnml.errors import PrivacyError

__all__ = ["only_below", "refuse_outside"]

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGED: dict[str, tuple[tuple[int, int | None], ...]] = {
    **dict.fromkeys(("os.remove", "os.rmdir"), ((0, 1),)),
    **dict.fromkeys(("os.mkdir", "os.chmod"), ((0, 2),)),
    **dict.fromkeys(("os.chown", "os.utime"), ((0, 3),)),
    **dict.fromkeys(("os.truncate", "os.setxattr", "os.removexattr", "sqlite3.connect"), ((0, None),)),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
}
"""Events of the interpreter that change something -> places of each path, and of the open folder it starts from."""
_NEVER = (
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
    *("socket.connect", "socket.sendto"),
)
"""What would go on unseen: other programs, and the network."""
_COMPILED = "__pycache__"


class _Guard:
    """The folder that may be written, and whether the interpreter's events are listened to."""

    def __init__(self) -> None:
        self.root: Path | None = None
        self.is_listening = False

    def start(self, root: Path) -> None:
        if self.root is not None:
            raise PrivacyError("a drill is at work already in this process", rule="drill.twice")
        self.root = root
        if not self.is_listening:
            # A hook cannot be taken out again: outside of a drill it looks at one name and returns.
            sys.addaudithook(self.hear)
            self.is_listening = True

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.root is None:
            return
        if event in _NEVER:
            raise PrivacyError(
                "a drill starts no other program and calls nobody", rule="drill.outside", column=event.split(".")[0]
            )
        if event == "open":
            path, mode, flags = arguments
            if any(letter in (mode or "") for letter in "wax+") or (flags or 0) & _WRITES:
                self.require(path)
        else:
            for place, folder in _CHANGED.get(event, ()):
                self.require(arguments[place], -1 if folder is None else arguments[folder])

    def require(self, path: Any, folder: int | None = -1) -> None:
        root = self.root
        if root is None or not isinstance(path, str | bytes | os.PathLike):
            return
        text = os.fsdecode(path)
        if folder is not None and folder >= 0:
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        # Links are followed: what lies behind one is what would be written.
        real = Path(os.path.realpath(text))
        if real.is_relative_to(root) or _is_harmless(real):
            return
        raise PrivacyError(
            "lies outside of the drill's workspace, and a drill writes nowhere else",
            rule="drill.outside",
            file=real.name,
            next_step="Report it: a drill must not get here.",
        )


def _is_harmless(path: Path) -> bool:
    """Return whether a path is the null device, or compiled code that Python and Numba keep beside the source."""
    if path == Path(os.devnull):
        return True
    homes = (
        Path(__file__).resolve().parent,
        *(Path(os.path.realpath(sysconfig.get_path(n))) for n in ("purelib", "stdlib")),
    )
    return _COMPILED in path.parts and any(path.is_relative_to(home) for home in homes)


_GUARD = _Guard()


@contextmanager
def only_below(root: Path) -> Iterator[None]:
    """Refuse whatever this process would write, rename or remove outside of a folder, whichever thread asks.

    Two bolts: the one writer of :mod:`churnml.storage` asks :func:`refuse_outside`, and the interpreter's own audit
    events (opening for writing, renaming, removing, databases, other programs, network) are refused wherever they come
    from.

    Parameters
    ----------
    root : Path
        An existing folder.

    Raises
    ------
    PrivacyError
        If a drill is at work already in this process; and wherever something outside would be written.

    References
    ----------
    .. [1] PEP 578: Python runtime audit hooks.
    """
    _GUARD.start(Path(os.path.realpath(root)))
    try:
        yield
    finally:
        _GUARD.root = None


def refuse_outside(path: Path) -> None:
    """Refuse a path that is about to be written outside of a drill's workspace; without a drill nothing is refused.

    Raises
    ------
    PrivacyError
        Naming the file.
    """
    _GUARD.require(path)
