"""Help asked for on the command line, from what the last run prepared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from churnml.config import Compensation, Params, compensation_problems
from churnml.errors import ConfigError, did_you_mean
from churnml.flow.known import contact_data
from churnml.flow.named import open_named
from churnml.flow.on_demand import configured_rule
from churnml.flow.other_lists import write_compensation
from churnml.flow.plan import campaign_plan
from churnml.parquet import read_parquet

__all__ = ["compensation_block", "compensation_on_demand"]


def compensation_block(params: Params, name: str, **given: str | None) -> Compensation:
    """Return the block of ``lists.compensation`` of a name, changed by options, or what options alone stand for.

    Raises
    ------
    ConfigError
        If there is none of that name and the options do not say everything, or an option has another form.
    """
    blocks = {block.name: block.model_dump() for block in params.lists.compensation}
    texts = {key: value for key, value in given.items() if value is not None}
    if name not in blocks and "affected" not in texts:
        raise ConfigError(
            "no such list",
            rule="config.list",
            file="params.yaml",
            column="lists.compensation",
            next_step=did_you_mean(name, list(blocks))
            or "Name one, or say with --affected, --budget and --least what it is.",
        )
    try:
        block = Compensation.model_validate({"name": name, **blocks.get(name, {}), **texts})
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"]) or "least"
        words = "required" if first["type"] == "missing" else "not a value for this option"
        raise ConfigError(words, rule="config.option", column=column, count=error.error_count()) from None
    for problem in compensation_problems(block, params.lists.affected, params.histories, place=()):
        column = ".".join(str(part) for part in problem.path)
        raise ConfigError(problem.problem, rule=problem.rule, column=column, next_step=problem.next_step)
    return block


def compensation_on_demand(params: Params, *, root: Path, block: Compensation, out: Path) -> dict[str, Any]:
    """Write the list of help of a block from prepared histories and the last scores; return the manifest."""
    history = open_named(root / "data" / "prepared", root=root)
    scores = read_parquet(root / "data" / "scored" / "scores.parquet")
    plan, rule = campaign_plan(params), configured_rule(params, block.affected)
    contacts = contact_data(params, history, plan=plan)
    return write_compensation(params, history, scores, contacts, block=block, rule=rule, plan=plan, folder=out)
