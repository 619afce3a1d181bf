"""Files a person writes, read with a bound: the parameters, and the code of own features."""

from __future__ import annotations

from pathlib import Path

from churnml.errors import ConfigError, EnvironmentFault

__all__ = ["MAX_BYTES", "read_small"]

MAX_BYTES = 1_000_000
"""Largest file that is used, in bytes."""


def read_small(path: Path, *, name: str, key: str | None = None) -> bytes:
    """Return what a file holds, at most one byte more than ``MAX_BYTES``: what is longer is refused by who asked.

    Parameters
    ----------
    path : Path
    name : str
        How messages name the file.
    key : str, optional
        Key path in ``params.yaml``, for the message where the file is not there.

    Raises
    ------
    ConfigError
        If the file is not there.
    EnvironmentFault
        If it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ConfigError("file not found", rule="config.file_missing", file=name, column=key) from None
    except OSError as error:
        raise EnvironmentFault(
            f"cannot be read ({error.strerror or 'input/output error'})", rule="environment.read", file=name
        ) from None
