"""Commands on one customer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churnml.commands.common import PARAMS, leave, say

__all__ = ["explain"]


def explain(
    customer: Annotated[str, typer.Argument(help="Id, as it stands in the tables.")],
    as_of: Annotated[str | None, typer.Option(help="ISO date up to which rows count; default: the last run's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: data/customers/<id>.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the file as well: mind where the output goes.")] = False,
    params: Annotated[Path, typer.Option(help="Parameter file.")] = PARAMS,
) -> None:
    """Write a customer's file: history, value, risk over time, reasons, what is open, what lists decided."""

    def work() -> int:
        from churnml.config import load_params
        from churnml.flow.explain import explain as write

        loaded, root = load_params(params), params.resolve().parent
        folder = write(loaded, customer, root=root, as_of=as_of, out=out)
        if show:
            say((folder / f"profile.{loaded.campaign.language}.md").read_text(encoding="utf-8"))
        say(f"{folder / 'profile.html'} shows the customer's file; profile.json and Markdown lie beside it.")
        return 0

    leave(work)
