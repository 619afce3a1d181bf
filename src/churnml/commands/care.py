"""Commands that look after what is stored: release what killed runs left, upload nothing that is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import leave, say

__all__ = ["push", "unlock"]


def unlock() -> None:
    """Remove locks and temporary files of runs that were killed; what a living process uses stays."""

    def work() -> int:
        from churnml.dvc_run import clean_up
        from churnml.processes import run_lock

        root = Path.cwd()
        with run_lock(root):
            removed = clean_up(root)
        for line in [f"removed {name}" for name in removed] or ["Nothing was left behind."]:
            say(line)
        return 0

    leave(work)


def push(
    remote: Annotated[str | None, typer.Option(help="Name of the remote; default: that of DVC.")] = None,
) -> None:
    """Upload DVC's objects after every one was hashed again; exit code 3 and nothing uploaded if one is damaged."""

    def work() -> int:
        from churnml.dvc_run import push_objects

        return push_objects(Path.cwd(), ["--remote", remote] if remote else [])

    leave(work)
