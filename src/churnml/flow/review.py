"""The review after a change or crisis: what was done, what it did, what it cost, what is to be learned of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from churnml.campaign.effects import LearnedEffect
from churnml.campaign.matched import MatchedEffect
from churnml.flow.impact_measures import Setting
from churnml.flow.past_lists import past_lists
from churnml.flow.recovery import recovery_of
from churnml.flow.review_contacts import Contacts, contacts_of, effects_of
from churnml.relationship.impact.study import Change
from churnml.timeline import DAY_US, days_to_us, us_to_iso

__all__ = ["prior_of", "review_of"]


def review_of(setting: Setting, change: Change, *, root: Path) -> dict[str, Any]:
    """Return the review of one change.

    What was done counts from the start until the end, and at least for ``impact.after_days``, as far as it has passed.

    Returns
    -------
    dict
        What the change was; ``as_of``, ``currency``, ``until``; ``losses`` (as of :func:`recovery_of`); ``reach``
        (concerned, reached, days until the first and the middle contact), None where contacts are not recorded;
        ``actions``, an entry an action; ``lists``, an entry a campaign with lists of that time; ``lessons``.
    """
    params, as_of = setting.params, setting.history.as_of
    last = max(as_of if change.end is None else change.end, change.start + days_to_us(params.impact.after_days))
    until = min(as_of, last)
    told = recovery_of(setting, change)
    losses = next((row for row in told.pop("metrics") if row["metric"] == "losses"), None)
    has_dates = params.churn.definition != "label"
    contacts = contacts_of(setting, change, until=until) if has_dates else None
    found = told | {
        "as_of": us_to_iso(as_of),
        "currency": params.histories.currency,
        "until": us_to_iso(until)[:10],
        "losses": losses,
        "reach": None if contacts is None else _reach(contacts, change),
        "actions": [] if contacts is None else _actions(setting, contacts),
        "lists": past_lists(params, setting.history, root=root, between=(change.start, until)),
    }
    return found | {"lessons": _lessons(found)}


def _reach(contacts: Contacts, change: Change) -> dict[str, Any]:
    """Return how many of those concerned were reached, and how soon."""
    table = contacts.table
    treated = table.filter(pc.and_(table["is_treated"], table["is_affected"]))
    days = np.sort(treated["at"].to_numpy() - change.start) / DAY_US
    return {
        "concerned": contacts.n_affected,
        "reached": contacts.n_reached,
        "contacts": treated.num_rows,
        "first_days": round(float(days[0]), 2) if len(days) else None,
        "middle_days": round(float(np.quantile(days, 0.5, method="inverted_cdf")), 2) if len(days) else None,
    }


def _actions(setting: Setting, contacts: Contacts) -> list[dict[str, Any]]:
    rows = []
    for action, effect in effects_of(contacts).items():
        chosen = contacts.table.filter(
            pc.and_(pc.equal(contacts.table["action"], action), contacts.table["is_affected"])
        )
        n_treated, n_control = (int(pc.sum(chosen[arm]).as_py() or 0) for arm in ("is_treated", "is_control"))
        rows.append(
            {
                "action": action,
                "n_treated": n_treated,
                "n_control": n_control,
                "not_known": int(pc.sum(pc.less(chosen["has_left"], 0)).as_py() or 0),
                **_effect(effect, n_treated),
                **_cost(setting, action, n_treated),
            }
        )
    return rows


def _effect(effect: LearnedEffect | MatchedEffect, n_treated: int) -> dict[str, Any]:
    """Return what is told of an effect: its 80 % interval, and how many customers it stands for."""
    is_matched = isinstance(effect, MatchedEffect)
    seen = {"left_treated": effect.left_treated, "left_control": effect.left_control}
    seen |= {"seen_treated": effect.n_treated, "seen_control": effect.n_control}
    said: dict[str, Any] = {"against": "matched" if is_matched else "held_out", "is_enough": effect.is_enough, **seen}
    if not effect.is_enough:
        return said | dict.fromkeys(("effect", "low", "high", "kept", "kept_low", "kept_high"))
    low, high = effect.interval
    rate = effect.control_rate if isinstance(effect, MatchedEffect) else effect.left_control / effect.n_control
    values = {"effect": float(np.clip(effect.effect, low, high)), "low": low, "high": high}
    kept = {
        f"kept{end}": values[name] * rate * n_treated for name, end in zip(values, ("", "_low", "_high"), strict=True)
    }
    return said | {name: _plain(value) for name, value in (values | kept).items()}


def _cost(setting: Setting, action: str, n_treated: int) -> dict[str, Any]:
    """Return what the contacts cost by the actions as they are configured; None where the action is not known there."""
    known = setting.params.campaign.actions.get(action)
    if known is None:
        return {"cost": None}
    return {"cost": round(n_treated * (known.cost + known.gives * known.take_rate), 2)}


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _lessons(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is to be learned, each a key of the catalogue with its figures."""
    lessons = [*_of_reach(found["reach"]), *(one for row in found["actions"] for one in _of_action(row))]
    lessons += [one for each in found["lists"] for one in _of_list(each)]
    if not found["actions"] and not found["lists"]:
        lessons.append({"key": "nothing_done"})
    elif all(row["against"] == "matched" for row in found["actions"]) and not _has_held_out(found["lists"]):
        lessons.append({"key": "hold_out"})
    losses = found["losses"]
    if losses is not None and not losses["refused"]:
        days = {"days": losses["days"], "known": losses["known_days"]}
        lessons.append({"key": f"losses_{losses['state']}", **days})
    return lessons


def _has_held_out(lists: Sequence[Mapping[str, Any]]) -> bool:
    return any(each.get("n_held_out") for each in lists)


def _of_reach(reach: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if reach is None:
        return [{"key": "no_contacts_table"}]
    if not reach["concerned"]:
        return []
    said = {"n": reach["concerned"], "reached": reach["reached"], "share": reach["reached"] / reach["concerned"]}
    found: list[dict[str, Any]] = [{"key": "reach", **said}]
    if reach["first_days"] is not None:
        found.append({"key": "speed", "first": reach["first_days"], "middle": reach["middle_days"]})
    return found


def _of_action(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    said = {"action": row["action"], "n": row["n_treated"]}
    if not row["is_enough"]:
        return [{"key": "too_few", **said}] if row["n_treated"] else []
    key = "worked" if row["low"] > 0 else "harmed" if row["high"] < 0 else "open"
    figures = {name: row[name] for name in ("effect", "low", "high")}
    found: list[dict[str, Any]] = [{"key": f"{key}_{row['against']}", **said, **figures}]
    if key == "worked" and row["cost"] is not None and row["kept"] > 0:
        found.append({"key": "price", "action": row["action"], "kept": row["kept"], "each": row["cost"] / row["kept"]})
    return found


def _of_list(each: Mapping[str, Any]) -> list[dict[str, Any]]:
    churn = each.get("differences", {}).get("churn")
    if churn is None:
        return [{"key": "list_unknown", "campaign": each["campaign"]}]
    key = "list_worked" if churn["high"] < 0 else "list_harmed" if churn["low"] > 0 else "list_open"
    points = {name: 100 * churn[name] for name in ("difference", "low", "high")}
    return [{"key": key, "campaign": each["campaign"], "n": churn["n_listed"], **points}]


def prior_of(found: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return what the next crisis may start from: effects in the form that ``campaign.actions`` takes.

    Returns
    -------
    dict
        ``review``, ``type``, ``scope``, ``start``, ``as_of``; ``actions``: name -> ``effect`` (``assumed``, ``low``,
        ``high``) and what it rests on. Actions of which too few were seen are not there.
    """
    actions = {
        row["action"]: {
            "effect": {"assumed": row["effect"], "low": row["low"], "high": row["high"]},
            "against": row["against"],
            "seen_treated": row["seen_treated"],
            "seen_control": row["seen_control"],
        }
        for row in found["actions"]
        if row["is_enough"]
    }
    what = {key: found[key] for key in ("type", "scope", "start", "as_of")}
    return {"review": name, **what, "actions": actions}
