"""The review of one change asked for by command, its files, and the prior for the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.errors import ConfigError
from churnml.exports.review_page import review_page
from churnml.flow.changes import DECLARED
from churnml.flow.impact import setting_of
from churnml.flow.recovery_on_demand import Asked, changes_asked
from churnml.flow.review import prior_of, review_of
from churnml.histories.store import open_history
from churnml.relationship.impact.study import Change
from churnml.storage import write_bytes, write_json

__all__ = ["PRIORS", "name_of", "review_on_demand"]

PRIORS = Path("data") / "reviews"
"""Where what was learned is kept, a file a crisis."""


def review_on_demand(params: Params, *, root: Path, asked: Asked, folder: Path) -> tuple[dict[str, Any], Path, int]:
    """Write ``review.json``, ``review.html`` and the prior; return the review, where the prior is, and an exit code.

    The code is 4 where neither contacts nor lists of that time are known well enough to say what they did.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder, with prepared histories.
    asked : Asked
    folder : Path

    Raises
    ------
    ConfigError
        If it is not exactly one change that is asked for.
    """
    setting = setting_of(params, open_history(root / "data" / "prepared"))
    changes = changes_asked(setting, asked)
    if len(changes) > 1:
        raise ConfigError(
            f"{len(changes)} changes, and a review is of one",
            rule="config.option",
            column="name",
            next_step="Name a crisis of the register, or a row with --row (and --table).",
        )
    found, name = review_of(setting, changes[0], root=root), name_of(params, changes[0])
    prior = prior_of(found, name=name)
    write_json(found, folder / "review.json")
    write_bytes(review_page(found, prior, language=params.campaign.language), folder / "review.html")
    place = root / PRIORS / f"{name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_json(prior, place)
    is_known = bool(prior["actions"]) or any("churn" in each.get("differences", {}) for each in found["lists"])
    return found, place, 0 if is_known else 4


def name_of(params: Params, change: Change) -> str:
    """Return the name of a change that a file may bear."""
    if change.table == DECLARED:
        return params.crises.declared[change.row - 1].name
    return f"{change.table}-{change.row}"
