"""The command line: which commands there are, in the order in which help shows them."""

from __future__ import annotations

import sys

import typer

from churnml.commands import (
    aftermath,
    care,
    crisis,
    customers,
    data,
    lists,
    models,
    monitoring,
    privacy,
    reports,
    running,
)
from churnml.stage import end_on_sigterm

__all__ = ["main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Churn and customer value: from raw histories to the list a retention team calls.",
)
for command in (
    running.version,
    data.init,
    data.check,
    running.run,
    running.example,
    running.simulate,
    running.doctor,
    data.verify,
    care.unlock,
    care.push,
    models.score,
    monitoring.monitor,
    models.compare,
    models.card,
    models.promote,
    models.sync,
    models.audit,
    customers.explain,
    reports.report,
    reports.impact,
    reports.warn,
    aftermath.recovery,
    aftermath.review,
    lists.affected,
    crisis.compensate,
    crisis.clock,
    crisis.brief,
    crisis.drill,
    lists.alarm,
    lists.export,
    lists.receipt,
    lists.outcomes,
    privacy.forget,
    privacy.key,
    privacy.identities,
):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    end_on_sigterm()
    try:
        # Outside its standalone mode typer returns the code that a command ended with.
        sys.exit(app(standalone_mode=False))
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        # Wrong options: what typer says of them, without its own exit path.
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        sys.exit(2)
