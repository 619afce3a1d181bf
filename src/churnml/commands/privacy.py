"""Commands on persons: the secret key, and forgetting somebody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import leave, say

__all__ = ["key"]


def key(
    rotate: Annotated[bool, typer.Option("--rotate", help="Put a new key before those there are.")] = False,
) -> None:
    """Make the secret key that recognises forgotten persons, outside the project; or name the keys there are."""

    def work() -> int:
        from churnml.privacy.keys import add_key, find_keys

        root = Path.cwd()
        keys = find_keys(root)
        if keys and not rotate:
            for place, one in enumerate(keys):
                say(f"{one.id}  {'in use' if place == 0 else 'kept to recognise what it was used for'}")
            return 0
        made, path = add_key(root)
        say(f"{made.id}  made, in {path}. Keep a copy apart from the data: without it nobody can be recognised.")
        return 0

    leave(work)
