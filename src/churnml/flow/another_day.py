"""A run as of another day: ``histories.as_of`` of ``params.yaml`` is the new one once the run is done.

The day stands where everybody looks for it, and with what depends on it in ``dvc.lock``; a run that ends otherwise
leaves the file as it was.
"""

from __future__ import annotations

from pathlib import Path

from churnml.config import parse_params
from churnml.config.one_key import with_value
from churnml.config.small_files import read_small
from churnml.storage import as_fault, write_bytes

__all__ = ["AnotherDay"]


class AnotherDay:
    """The change of one key.

    Parameters
    ----------
    path : Path
        Parameter file; behind a link, the file that it leads to.
    day : str
        ISO date or time.

    Raises
    ------
    ConfigError
        If the file is not valid, or would not be as of that day.
    """

    def __init__(self, path: Path, day: str) -> None:
        self._path, self._day = path.resolve(), day
        self._before = self._after = b""
        self._changed()

    def _changed(self) -> None:
        """Read the file as it is now and say what it becomes."""
        self._before = read_small(self._path, name=self._path.name)
        self._after = with_value(self._before, ("histories", "as_of"), self._day, file=self._path.name)
        parse_params(self._after, file=self._path.name)

    def make(self) -> None:
        """Write the file."""
        self._changed()
        self._write(self._after)

    def undo(self) -> None:
        """Write what there was, unless somebody else has changed the file since."""
        if self._path.exists() and self._path.read_bytes() == self._after:
            self._write(self._before)

    def _write(self, data: bytes) -> None:
        if data == self._path.read_bytes():
            return
        mode = self._path.stat().st_mode
        write_bytes(data, self._path)
        with as_fault(self._path):
            self._path.chmod(mode)
