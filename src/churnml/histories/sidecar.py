"""The small file beside a file that says how many rows and which bytes it should hold."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churnml.errors import DataError

__all__ = ["SIDECAR_ENDING", "Sidecar", "read_sidecar"]

SIDECAR_ENDING = ".manifest.json"
_MAX_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a file should hold; None = not said.

    Parameters
    ----------
    rows : int or None
    sha256 : str or None
    """

    rows: int | None = None
    sha256: str | None = None

    def check(self, name: str, *, n_rows: int, digest: str) -> None:
        """Refuse a file that is not what its manifest says.

        Raises
        ------
        DataError
            With both counts where they differ.
        """
        if self.rows is not None and n_rows != self.rows:
            way = "shorter" if n_rows < self.rows else "longer"
            problem, count = f"{way} than its manifest: {n_rows:,} rows of {self.rows:,}", abs(self.rows - n_rows)
        elif self.sha256 is not None and digest != self.sha256:
            problem, count = "not the file that its manifest describes: another digest", 1
        else:
            return
        raise DataError(
            problem,
            rule="data.manifest",
            file=name,
            count=count,
            next_step=f"Deliver the file again, whole; where it was meant to change, its {SIDECAR_ENDING} too.",
        )


def read_sidecar(path: Path) -> Sidecar | None:
    """Read ``{"rows": n, "sha256": "..."}``; either key may be absent, others are of no concern.

    Raises
    ------
    DataError
        If the file is there and says something else.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            value = json.loads(stream.read(_MAX_BYTES))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not _is_sound(value.get("rows"), value.get("sha256")):
        raise DataError(
            "no manifest: neither rows nor sha256 can be read from it",
            rule="data.manifest",
            file=path.name,
            count=1,
            next_step='Write {"rows": ..., "sha256": "..."}, or take the manifest away.',
        )
    digest = value.get("sha256")
    return Sidecar(value.get("rows"), digest.lower() if digest else None)


def _is_sound(rows: Any, digest: Any) -> bool:
    is_count = isinstance(rows, int) and not isinstance(rows, bool) and rows >= 0
    is_digest = isinstance(digest, str) and _DIGEST.fullmatch(digest) is not None
    return (rows is None or is_count) and (digest is None or is_digest) and (is_count or is_digest)
