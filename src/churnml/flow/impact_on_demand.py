"""What company changes did to churn, as lines for a terminal."""

from __future__ import annotations

from pathlib import Path

from churnml.config import Params
from churnml.errors import ConfigError
from churnml.exports.impact_page import change_words, churn_words
from churnml.flow.impact import setting_of, study_of
from churnml.histories.store import open_history

__all__ = ["impact_lines"]


def impact_lines(params: Params, *, root: Path, row: int | None, table: str | None) -> tuple[list[str], int]:
    """Return a line a change, and the exit code: 4 where churn could not be judged for any of those asked for.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder, with prepared histories.
    row : int, optional
        Row of the register, from 1; None = every change that has begun.
    table : str, optional
        Calendar table; None = any.

    Raises
    ------
    ConfigError
        If no change that has begun stands there.
    """
    setting = setting_of(params, open_history(root / "data" / "prepared"))
    asked = [
        change
        for change in setting.changes
        if (row is None or change.row == row) and (table is None or change.table == table)
    ]
    if not asked:
        raise ConfigError(
            "no change there that has begun", rule="config.option", column="row", next_step="See reports/impact.html."
        )
    studies = [study_of(setting, change) for change in asked]
    language = params.campaign.language
    lines = [f"{change_words(study, language)}: {churn_words(study, language)}" for study in studies]
    is_judged = [any(r["metric"] == "churn" and not r["refused"] for r in study["metrics"]) for study in studies]
    return lines, 0 if any(is_judged) else 4
