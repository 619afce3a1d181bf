"""The early warning's verdict as of an earlier date, from the raw rows known by then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.flow.raw import read_histories
from churnml.flow.response import with_response
from churnml.flow.warning import verdict_of
from churnml.storage import private_folder

__all__ = ["verdict_as_of"]


def verdict_as_of(params: Params, *, root: Path) -> dict[str, Any]:
    """Return the verdict at ``histories.as_of``, whatever was prepared last.

    Parameters
    ----------
    params : Params
        With the wanted ``as_of``.
    root : Path
        Project folder, with the raw histories.

    Returns
    -------
    dict
        As :func:`churnml.flow.warning.verdict_of`.
    """
    with private_folder(root / "data", "warning") as folder:
        history = read_histories(params, root=root, target=folder / "prepared")
        return with_response(verdict_of(params, history, root=root), params, history, root=root)
