"""A drill: a synthetic crisis in a copy of the histories, whether it raises the alarm, when, and the lists of it.

Everything is written into one workspace; while the drill is at work nothing else can be
(:mod:`churnml.confined`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.affected import Concern, affected_list
from churnml.campaign.compensation import HARM_UNIT, Harm, compensation_list
from churnml.campaign.shared_help import Grant
from churnml.campaign.team_list import TeamList, write_team_list
from churnml.config import Params
from churnml.confined import only_below
from churnml.errors import ConfigError
from churnml.exports.drill_page import drill_page
from churnml.flow.drill_crisis import EXPECTED, Scenario, Synthetic, hit_by
from churnml.flow.known import contact_data
from churnml.flow.plan import campaign_plan
from churnml.flow.relationship_roles import relationship_roles
from churnml.flow.response import with_response
from churnml.flow.roles import churn_definition
from churnml.flow.warning import verdict_of, write_warning
from churnml.histories.bucket import Bucket
from churnml.histories.edited import write_edited
from churnml.histories.store import History, open_history
from churnml.parquet import read_parquet
from churnml.relationship.warning.weeks import WEEK_DAYS
from churnml.snapshots.population import at_risk
from churnml.storage import new_folder, private_folder, write_bytes, write_json
from churnml.timeline import DAY_US, us_to_date, us_to_iso
from churnml.wording import words

__all__ = ["DRILLS", "MARK", "drill", "require_workspace"]

DRILLS = Path("data") / "drills"
"""Where drills lie in a project; nothing else is made there."""

MARK = "DRILL / 演练"
"""Stands in every file that a drill makes."""

_REPORT = "drill.json"


def require_workspace(workspace: Path, *, root: Path) -> None:
    """Refuse a folder that is, or could be, something else than an earlier drill.

    Raises
    ------
    ConfigError
        If it lies in the project and not below ``data/drills``, holds the project, or holds anything but a drill.
    """
    place, project = workspace.resolve(), root.resolve()
    inside = place.is_relative_to(project) and not place.is_relative_to(project / DRILLS)
    is_above = project.is_relative_to(place) or place == project / DRILLS
    is_other = place.exists() and not (place / _REPORT).is_file()
    if inside or is_above or is_other:
        raise ConfigError(
            "is no folder for a drill: it lies in the project or holds other things",
            rule="drill.workspace",
            file=workspace.name,
            column="out",
            next_step="Leave --out away, or name a new folder outside of the project.",
        )


def drill(
    params: Params, *, root: Path, workspace: Path, crisis: Scenario, grant: Grant | None = None
) -> dict[str, Any]:
    """Rehearse a crisis.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder; nothing in it is written but below ``data/drills``.
    workspace : Path
        Takes the place of an earlier drill of that name.
    crisis : Scenario
    grant : Grant, optional
        Of what those hit are helped with, each hit alike.

    Returns
    -------
    dict
        What ``drill.json`` holds: the crisis, ``n_in_scope``, ``n_hit``; ``replay``, a verdict a week with ``alarms``,
        ``before`` (those raised without the crisis too) and ``new``; ``raised_at`` and ``raised_after_days`` of the
        first expected alarm, None without one; ``lists`` and ``help``; ``is_passed``.

    Raises
    ------
    ConfigError
        If the workspace is none, or the crisis cannot show or be judged on these histories.
    """
    require_workspace(workspace, root=root)
    history = open_history(root / "data" / "prepared")
    if history.key_id is not None:
        raise ConfigError(
            "a drill does not work with pseudonyms yet",
            rule="config.pseudonyms",
            file="params.yaml",
            column="privacy.pseudonyms",
            next_step="Drill in a copy of the project without them.",
        )
    if params.churn.definition == "label" or not crisis.start < history.as_of:
        raise ConfigError(
            "the early warning has nothing to judge: ready labels have no dates"
            if params.churn.definition == "label"
            else "the crisis does not start before the history ends",
            rule="drill.start",
            column="start",
        )
    roles = relationship_roles(params, history, at=history.as_of)
    made = hit_by(history, crisis, roles, alive=_alive(params, history, crisis.start))
    with new_folder(workspace) as temp, only_below(temp):
        with private_folder(temp, "copies") as copies:
            found = _rehearsed(params, history, made, grant, root=root, temp=temp, copies=copies)
        write_json(found, temp / _REPORT)
        write_bytes(drill_page(found, language=params.campaign.language), temp / "drill.html")
    return found


def _rehearsed(
    params: Params,
    history: History,
    made: Synthetic,
    grant: Grant | None,
    *,
    root: Path,
    temp: Path,
    copies: Path,
) -> dict[str, Any]:
    crisis = made.crisis
    replay = list(_replay(params, history, made, copies, root=root))
    expected = EXPECTED[crisis.kind]
    first = next((week for week in replay if any(_kind(name) in expected for name in week["new"])), None)
    drilled = write_edited(history, copies / "drilled", edit=made.edit)
    verdict = with_response(verdict_of(params, drilled, root=root), params, drilled, root=root) | {"drill": MARK}
    write_warning(verdict, temp / "warning.json", temp / "warning.html", language=params.campaign.language)
    lists, helped = _lists(params, drilled, made, grant, root=root, temp=temp)
    return {
        "drill": MARK,
        "as_of": us_to_iso(history.as_of),
        "timezone": params.histories.timezone,
        "kind": crisis.kind,
        "size": crisis.size,
        "start": us_to_iso(crisis.start),
        "spread_days": crisis.spread_days,
        "scope": crisis.scope,
        "seed": crisis.seed,
        "n_in_scope": made.n_in_scope,
        "n_hit": len(made.customers),
        "expected": list(expected),
        "replay": replay,
        "raised_at": None if first is None else first["as_of"],
        "raised_after_days": None if first is None else first["days"],
        "actions": len(verdict["response"]["actions"]),
        "playbook": verdict["response"]["playbook"],
        "lists": lists,
        "help": helped,
        "is_passed": first is not None and (lists is None or lists["is_exact"]),
    }


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _alive(params: Params, history: History, at: int) -> dict[int, npt.NDArray[np.bool_]]:
    found = {}
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        n = len(bucket.customers)
        dates = np.full(n, at, dtype=np.int64)
        found[number] = at_risk(bucket, history, churn_definition(params), np.arange(n), dates)
    return found


def _replay(params: Params, history: History, made: Synthetic, copies: Path, *, root: Path) -> Iterator[dict[str, Any]]:
    """Yield the verdict of each week after the start, as it would have been then, with and without the crisis.

    The weeks end with the first in which an expected alarm is raised that is not raised without the crisis.
    """
    start, expected = made.crisis.start, EXPECTED[made.crisis.kind]
    ends = [*range(start + WEEK_DAYS * DAY_US, history.as_of, WEEK_DAYS * DAY_US), history.as_of]
    for at in ends:
        alarms, before = (
            verdict_of(params, write_edited(history, copies / name, edit=edit, as_of=at), root=root)["alarms"]
            for name, edit in (("with", made.edit), ("without", None))
        )
        new = [name for name in alarms if name not in before]
        yield {
            "as_of": us_to_iso(at),
            "days": round((at - start) / DAY_US, 2),
            "alarms": alarms,
            "before": before,
            "new": new,
        }
        if any(_kind(name) in expected for name in new):
            return


def _lists(
    params: Params, history: History, made: Synthetic, grant: Grant | None, *, root: Path, temp: Path
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Write whom the crisis hit, and their help; returns what is told of both, None where nobody was scored yet."""
    path = root / "data" / "scored" / "scores.parquet"
    if not path.is_file():
        return None, None
    scores, plan = read_parquet(path), campaign_plan(params)
    plan = replace(plan, channels=plan.used_channels)
    contacts = contact_data(params, history, plan=plan)
    as_of = us_to_date(history.as_of, timezone=params.histories.timezone)
    hit = made.customers.take(pc.sort_indices(made.customers))
    concern = Concern("drill-hit", words("drill.rule", plan.language), hit)
    listed = affected_list(concern, scores, contacts, plan=plan, as_of=as_of)
    told = [text for table in listed.files.values() for text in table["customer_id"].to_pylist()]
    write_team_list(_marked(listed), temp / "lists" / "hit")
    lists = {**listed.counts, "is_exact": sorted(told) == hit.to_pylist()}
    if grant is None:
        return lists, None
    harm = Harm("rows", np.full(len(hit), HARM_UNIT, dtype=np.int64), {})
    own = replace(concern, name="drill-help")
    helped = compensation_list(own, harm, grant, scores, contacts, plan=plan, as_of=as_of)
    write_team_list(_marked(helped), temp / "lists" / "help")
    return lists, {**helped.facts["money"], "helped": helped.counts["contact"]}


def _marked(found: TeamList) -> TeamList:
    """Return a list that says in every file that it is a drill."""
    files = {
        name: table.add_column(0, "drill", pa.array([MARK] * table.num_rows, pa.string()))
        for name, table in found.files.items()
    }
    paragraphs = [(words("drill.mark", found.plan.language), "warning"), *found.paragraphs]
    return replace(found, files=files, paragraphs=paragraphs, facts={**found.facts, "drill": MARK})
