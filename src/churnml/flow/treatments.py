"""Lists delivered earlier: whom they reached must be declared before outcomes of that time are learned from."""

from __future__ import annotations

from pathlib import Path

from churnml.config import Params
from churnml.errors import ConfigError, DataError, TimeContractError
from churnml.snapshots.spine import SnapshotPlan
from churnml.storage import read_json
from churnml.timeline import parse_instant, us_to_iso

__all__ = ["check_treatments_known", "treatment_limits"]


def check_treatments_known(params: Params, plan: SnapshotPlan, lists: Path | None, *, reach_us: int) -> None:
    """Refuse to learn from outcomes that a delivered list may have changed, unless the treated are told apart.

    Customers on a list who stayed may have stayed because they were contacted: learned from as they are, the model
    would find them safe, and the next list would leave them out.

    Parameters
    ----------
    params : Params
    plan : SnapshotPlan
    lists : Path or None
        Folder with one folder a campaign, each with the manifest of its list.
    reach_us : int
        How far after an observation date its outcome is settled.

    Raises
    ------
    TimeContractError
        If a list was delivered inside a labelled outcome and ``treatments`` is not declared.
    """
    if params.treatments is not None or lists is None or not len(plan.churn_dates):
        return
    first = plan.own_from if plan.anchors_us and plan.own_from is not None else int(plan.churn_dates[0])
    last = min(int(plan.churn_dates[-1]) + reach_us, plan.as_of)
    delivered = sorted(date for date in _delivered(lists, params.histories.timezone) if first <= date < last)
    if delivered:
        raise TimeContractError(
            f"a list was delivered on {us_to_iso(delivered[0])}, inside outcomes that are learned from "
            f"({us_to_iso(first)} to {us_to_iso(last)}); who stayed may have stayed because of it",
            rule="time.treatments_unknown",
            file="params.yaml",
            column="treatments",
            count=len(delivered),
            next_step="Name the table of contacts in treatments, or write treatments: {ignore: true} if nobody was "
            "contacted; the model card then says so.",
        )


def _delivered(lists: Path, timezone: str) -> list[int]:
    """Return the dates of the lists; a manifest that cannot be read is no list."""
    dates = []
    for path in sorted(lists.glob("*/manifest.json")):
        try:
            dates.append(parse_instant(str(read_json(path)["as_of"]), timezone=timezone))
        except (DataError, ConfigError, KeyError, TypeError):
            continue
    return dates


def treatment_limits(params: Params) -> list[dict[str, str]]:
    """Return what the model card says of treated customers among those learned from: key and figures of its words."""
    treatments = params.treatments
    if treatments is None:
        return []
    if treatments.ignore:
        return [{"key": "treatments_ignored"}]
    if treatments.mode == "keep":
        return [{"key": "treated_kept", "table": str(treatments.table)}]
    return [{"key": f"treated_dropped_{'_'.join(sorted(treatments.outcomes))}", "table": str(treatments.table)}]
