"""What the churn model expected of each week, by runs that were made before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from churnml.config import Params
from churnml.flow.score_records import churn_digest, kept_scores
from churnml.relationship.warning.weeks import WEEK_DAYS, Weeks
from churnml.timeline import DAY_US, parse_instant, us_to_date

__all__ = ["model_expected"]

Floats = npt.NDArray[np.float64]


def model_expected(params: Params, weeks: Weeks, *, root: Path) -> Floats | None:
    """Return the losses a week that past scores foretold, shape (n_weeks,); NaN where none did, None = nowhere.

    A run foretells its sum of probabilities, spread evenly over its horizon. Of a week, the mean of all runs counts
    that were made before the week began and whose horizon holds it: what they said cannot know of the week. Runs of
    another definition or horizon say something else and are left out, and so are those of a model that knew outcomes
    of later days: a date scored long after.

    Parameters
    ----------
    params : Params
    weeks : Weeks
    root : Path
        Project folder, where the scores of earlier runs are kept.
    """
    churn = params.churn
    length = WEEK_DAYS * DAY_US
    reach = (churn.lead_days + churn.horizon_days + churn.grace_days) * DAY_US
    end = int(weeks.starts[-1]) + length
    sums, counts = np.zeros(len(weeks.starts)), np.zeros(len(weeks.starts))
    asked = {name: getattr(churn, name) for name in ("horizon_days", "lead_days", "grace_days")}
    asked |= {"churn": churn_digest(params)}
    for record in kept_scores(root, before=us_to_date(end, timezone=params.histories.timezone)):
        facts = record.facts
        if facts["mean_p"] is None or any(facts.get(name) != value for name, value in asked.items()):
            continue
        made, until = int(facts["as_of_us"]), facts.get("learned_until")
        if until is not None and parse_instant(until, timezone="UTC") > made:
            continue
        inside = (weeks.starts >= made) & (weeks.starts + length <= made + reach)
        sums[inside] += facts["mean_p"] * facts["n_at_risk"] * length / (churn.horizon_days * DAY_US)
        counts[inside] += 1
    if not counts.any():
        return None
    found: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found
