"""Past lists against what happened: listed beside held out, expected beside realised, contacts beside the promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.followed import LEAST_IN_ARM, arm_differences, delay_quantiles, effect_on_contacted
from churnml.campaign.kept_ids import key_of_ids
from churnml.campaign.record import RECORDS
from churnml.campaign.told_made import Contacts, first_told, made_until
from churnml.campaign.told_store import told_rows
from churnml.config import Campaign, Params
from churnml.dated import days_kept, newest_of_day
from churnml.errors import DataError
from churnml.flow.named import as_stored
from churnml.flow.past_outcomes import Horizon, past_outcomes, spaced
from churnml.histories.store import History
from churnml.labels.treatments import TreatmentLog
from churnml.parquet import read_parquet
from churnml.timeline import DAY_US, NEVER, parse_instant, us_to_date

__all__ = ["past_lists"]

Floats = npt.NDArray[np.float64]
_MOST = 26
_FOLLOWED = ("contact", "holdout")
_COLUMNS = ("customer_id", "decision", "action", "clv", "expected_gain")


def past_lists(
    params: Params, history: History, *, root: Path, between: tuple[int, int] = (-NEVER, NEVER)
) -> list[dict[str, Any]]:
    """Return, for each campaign with kept lists, what happened to those listed and to those held out.

    Lists at least as far apart as a contact may take are taken together, the newest last. By intent to treat: who was
    not reached counts as listed. Contacted is who the table of ``treatments`` or ``churnml outcomes`` says so of. Lists
    of ``between``, ``(first, last]`` in microseconds, are taken.

    Returns
    -------
    list of dict
        ``campaign``, ``lists`` (days taken), ``waiting`` (how many lists are not mature, and when the next one is),
        ``n_listed``, ``n_held_out``, ``differences``, ``gain`` (expected and realised) and ``contacts``; figures of
        fewer than ten customers are left out.
    """
    folder = root / RECORDS
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if params.churn.definition == "label" or not names:
        return []
    horizon = Horizon.of(params, history)
    told = told_rows(root, view=lambda t: as_stored(t, key_id=key_of_ids(t), history=history, root=root))
    made = made_until(told, until=history.as_of)
    found = (_campaign(params, history, folder / name, horizon, between, made, root) for name in names)
    return [one for one in found if one is not None]


def _campaign(
    params: Params,
    history: History,
    folder: Path,
    horizon: Horizon,
    between: tuple[int, int],
    made: Contacts,
    root: Path,
) -> dict[str, Any] | None:
    timezone, campaign = params.histories.timezone, params.campaign
    moments = {day: parse_instant(day, timezone=timezone) for day in days_kept(folder)}
    earlier = {day: at for day, at in moments.items() if at < history.as_of and between[0] < at <= between[1]}
    ripe = [day for day, at in earlier.items() if horizon.is_mature(at)]
    unripe = [at for at in earlier.values() if not horizon.is_mature(at)]
    next_on = horizon.matures_on(min(unripe)).isoformat() if unripe else None
    one: dict[str, Any] = {"campaign": folder.name, "lists": [], "waiting": {"lists": len(unripe), "next_on": next_on}}
    chosen = spaced(ripe, apart=max(1, campaign.contact_within_days), most=_MOST)
    kept = (_followed(folder, day, moments[day], history, root) for day in chosen)
    rows = [table for table in kept if table is not None]
    if not rows:
        return one if unripe else None
    table = pa.concat_tables(rows, promote_options="default").combine_chunks()
    one["lists"] = sorted({us_to_date(int(at), timezone=timezone).isoformat() for at in _dates(table)})
    return one | _compared(params, history, table, horizon, campaign, made)


def _followed(folder: Path, day: date, at: int, history: History, root: Path) -> pa.Table | None:
    """Return the listed and the held out of one day; None where nobody was held out, or the record is damaged."""
    try:
        table = read_parquet(newest_of_day(folder, day))
        table = as_stored(table, key_id=key_of_ids(table), history=history, root=root)
    except DataError:
        return None
    if table is None:
        return None
    table = table.select([name for name in _COLUMNS if name in table.column_names])
    table = table.filter(pc.is_in(table["decision"], value_set=pa.array(_FOLLOWED)))
    return table.append_column("at_us", pa.array(np.full(table.num_rows, at))) if table.num_rows else None


def _dates(table: pa.Table) -> npt.NDArray[np.int64]:
    dates: npt.NDArray[np.int64] = table["at_us"].to_numpy()
    return dates


def _numbers(table: pa.Table, name: str) -> Floats:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    values: Floats = pc.fill_null(table[name].cast(pa.float64()), np.nan).to_numpy()
    return values


def _compared(
    params: Params, history: History, table: pa.Table, horizon: Horizon, campaign: Campaign, made: Contacts
) -> dict[str, Any]:
    ids = table["customer_id"].combine_chunks()
    log = _contacts_log(params)
    everybody = params.model_copy(update={"treatments": None})
    what = past_outcomes(everybody, history, ids, _dates(table), horizon=horizon, log=log, with_value=True)
    is_listed = pc.equal(table["decision"], "contact").to_numpy()
    customers = ids.dictionary_encode().indices.to_numpy().astype(np.int64)
    known = np.isfinite(what["churned"])
    outcomes = _outcomes(params, what, known)
    cost, gain, clv = _costs(table, is_listed, campaign), _numbers(table, "expected_gain"), _numbers(table, "clv")
    outcomes["kept_value"] = np.where(known, np.maximum(clv, 0.0) * (1.0 - what["churned"]) - cost, np.nan)
    differences = arm_differences(outcomes, is_listed, customers)
    kept = differences.pop("kept_value", None)
    n_listed = int((is_listed & known).sum())
    expected = float(np.nansum(gain[is_listed & known])) if np.isfinite(gain[is_listed & known]).any() else None
    realised = None
    if kept is not None:
        realised = {"value": kept.difference, "low": kept.low, "high": kept.high}
        realised = {name: figure * n_listed for name, figure in realised.items()}
    contacts = None
    if log is not None or made:
        first = np.fmin(what["contacted_us"], first_told(ids.to_pylist(), _dates(table), made))
        contacts = _contacts(params, first, is_listed, campaign)
        if contacts is not None and "churn" in differences:
            shares = contacts["contacted"], contacts["held_out_contacted"]
            contacts["of_contacted"] = effect_on_contacted(differences["churn"], *shares)
    return {
        "n_listed": n_listed,
        "n_held_out": int((~is_listed & known).sum()),
        "unknown": int((~known).sum()),
        "differences": {name: asdict(one) for name, one in differences.items()},
        "gain": {"expected": expected, "realised": realised},
        "contacts": contacts,
    }


def _outcomes(params: Params, what: Mapping[str, Floats], known: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Return the outcomes that arms are compared by: churn, then purchases and money in the churn window."""
    found = {"churn": what["churned"]}
    revenue, orders = (np.where(known, what[name], np.nan) for name in ("revenue", "orders"))
    found |= {"orders": orders, "revenue": revenue}
    with np.errstate(invalid="ignore", divide="ignore"):
        found["order_value"] = np.where(orders > 0, revenue / orders, np.nan)
    if params.clv is not None and params.clv.measure == "amount":
        found["margin"] = revenue * params.clv.margin
    return found


def _costs(table: pa.Table, is_listed: npt.NDArray[np.bool_], campaign: Campaign) -> Floats:
    """Return what contacting each listed customer costs, by the actions as they are today; others cost nothing."""
    of_action = {name: action.cost + action.gives * action.take_rate for name, action in campaign.actions.items()}
    names = table["action"].to_pylist() if "action" in table.column_names else [""] * table.num_rows
    return np.where(is_listed, [of_action.get(str(name), campaign.cost) for name in names], 0.0)


def _contacts_log(params: Params) -> TreatmentLog | None:
    treatments = params.treatments
    if treatments is None or treatments.ignore or not treatments.table:
        return None
    return TreatmentLog(treatments.table, treatments.column or "", treatments.treated, treatments.control)


def _contacts(
    params: Params, contacted_us: Floats, is_listed: npt.NDArray[np.bool_], campaign: Campaign
) -> dict[str, Any] | None:
    """Return how many of the listed were contacted, how soon, and how many of the held out were by mistake."""
    if min(is_listed.sum(), (~is_listed).sum()) < LEAST_IN_ARM:
        return None
    promised = params.monitoring.contact_within_days or campaign.contact_within_days
    days = contacted_us / DAY_US
    within = np.nan_to_num(days, nan=np.inf) <= campaign.contact_within_days
    quantiles = delay_quantiles(days[is_listed & within])
    return {
        "promised_days": promised,
        "contacted": float(within[is_listed].mean()),
        "in_time": float((np.nan_to_num(days[is_listed], nan=np.inf) <= promised).mean()),
        "median_days": None if quantiles is None else quantiles[0],
        "p90_days": None if quantiles is None else quantiles[1],
        "held_out_contacted": float(within[~is_listed].mean()),
    }
