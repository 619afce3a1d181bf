"""Commands on persons: the secret key, and forgetting somebody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import PARAMS, leave, say

__all__ = ["forget", "identities", "key"]


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


def identities(params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS) -> None:
    """Make the list of whose the pseudonyms are anew, from the tables as delivered and the key."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.identities import make_identities
        from churnml.histories.identities import IDENTITIES

        n = make_identities(load_params(params), root=params.resolve().parent)
        say(f"{n:,} customers can be named again, by {IDENTITIES.as_posix()}. It is for nobody else's eyes.")
        return 0

    leave(work)


def forget(
    customers: Annotated[list[str] | None, typer.Argument(help="Ids as delivered.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="CSV with ids: column customer_id, else the first; - = standard input.")
    ] = None,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Take persons out of everything here and of every later run; exit code 3 if nothing of somebody was found."""

    def work() -> int:
        from datetime import UTC, datetime

        from churnml.config import load_params
        from churnml.flow.forget import forget as take_out
        from churnml.flow.forget_ids import ids_to_forget, require_complete

        loaded = load_params(params)
        ids = ids_to_forget(customers or (), file)
        done = take_out(loaded, root=params.resolve().parent, customers=ids, at=datetime.now(UTC).date())
        say(done.receipt["sentence"][loaded.campaign.language])
        for item in done.receipt["to_do"]:
            say(f"  {item['what'][loaded.campaign.language]}")
        say(f"{done.path.relative_to(params.resolve().parent)}")
        require_complete(done)
        return 0

    leave(work)
