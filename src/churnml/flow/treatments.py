"""Lists delivered earlier: whom they reached must be declared before outcomes of that time are learned from."""

from __future__ import annotations

from pathlib import Path

from churnml.config import Params
from churnml.errors import ConfigError, DataError, TimeContractError
from churnml.labels.treatments import ListedLog
from churnml.snapshots.spine import SnapshotPlan
from churnml.storage import read_json
from churnml.timeline import parse_instant, us_to_iso

__all__ = ["check_treatments_known", "treatment_limits"]


def check_treatments_known(
    params: Params, plan: SnapshotPlan, lists: Path | None, listed: ListedLog | None = None, *, reach_us: int
) -> None:
    """Refuse to learn from outcomes that a delivered list may have changed, unless the treated are told apart.

    Customers on a list who stayed may have stayed because they were contacted: learned from as they are, the model
    would find them safe, and the next list would leave them out.

    Parameters
    ----------
    params : Params
    plan : SnapshotPlan
    lists : Path or None
        Folder with one folder a campaign, each with the manifest of its list.
    listed : ListedLog, optional
        Whom the lists named; None where they are no log.
    reach_us : int
        How far after an observation date its outcome is settled.

    Raises
    ------
    TimeContractError
        If a list was delivered inside a labelled outcome and ``treatments`` is not declared, or says that lists are
        the log and none of that day is kept.
    """
    treatments = params.treatments
    asks_lists = treatments is not None and treatments.lists and treatments.table is None
    if lists is None or not len(plan.churn_dates) or (treatments is not None and not asks_lists):
        return
    known = frozenset[int]() if listed is None else listed.moments
    first = plan.own_from if plan.anchors_us and plan.own_from is not None else int(plan.churn_dates[0])
    last = min(int(plan.churn_dates[-1]) + reach_us, plan.as_of)
    dates = set(_delivered(lists, params.histories.timezone)) - known
    delivered = sorted(date for date in dates if first <= date < last)
    if delivered and asks_lists:
        raise TimeContractError(
            f"a list was delivered on {us_to_iso(delivered[0])}, inside outcomes that are learned from, and none of "
            "that day is kept in .churnml/lists",
            rule="time.treatments_unknown",
            file="params.yaml",
            column="treatments.lists",
            count=len(delivered),
            next_step="Bring .churnml/lists back, or name the table of contacts in treatments.table.",
        )
    if delivered:
        raise TimeContractError(
            f"a list was delivered on {us_to_iso(delivered[0])}, inside outcomes that are learned from "
            f"({us_to_iso(first)} to {us_to_iso(last)}); who stayed may have stayed because of it",
            rule="time.treatments_unknown",
            file="params.yaml",
            column="treatments",
            count=len(delivered),
            next_step="Name the table of contacts in treatments, or write treatments: {lists: true} if the lists made "
            "here are the log of contacts, or {ignore: true} if nobody was contacted; the model card then says so.",
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
    said = [{"key": "listed_dropped"}] if treatments.lists else []
    if treatments.table is None:
        return said
    if treatments.mode == "keep":
        return [{"key": "treated_kept", "table": str(treatments.table)}]
    key = f"treated_dropped_{'_'.join(sorted(treatments.outcomes))}"
    return [*said, {"key": key, "table": str(treatments.table)}]
