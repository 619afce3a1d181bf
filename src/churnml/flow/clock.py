"""The response clock: how fast customers are answered in an event, and how fast those lost are listed and reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.config import Affected, Params
from churnml.engines.local import map_buckets
from churnml.errors import TimeContractError
from churnml.flow.affected import concern_of
from churnml.flow.clock_reach import Reach
from churnml.flow.relationship_roles import relationship_roles
from churnml.histories.store import History
from churnml.relationship.known import BucketAt
from churnml.relationship.response.questions import Questions, backlog, questions_by, questions_in
from churnml.relationship.roles import TicketRole
from churnml.relationship.tickets import tickets_of
from churnml.timeline import us_to_iso

__all__ = ["Window", "clock_of"]

Int64s = npt.NDArray[np.int64]
_MOST_LEVELS = 12
"""Categories of more levels part nothing."""


@dataclass(frozen=True, slots=True)
class Window:
    """The event: ``(first, until]`` in microseconds, and what says so.

    ``why`` is ``asked``, ``crisis``, ``alarm`` or ``recent``; ``name`` that of the crisis or figure.
    """

    first: int
    until: int
    why: str
    name: str = ""


def clock_of(
    params: Params, history: History, window: Window, *, root: Path, concerned: Affected | None = None
) -> dict[str, Any]:
    """Return the response clock of an event.

    Parameters
    ----------
    params : Params
    history : History
    window : Window
    root : Path
        Project folder, with the lists that were made before.
    concerned : Affected, optional
        Whom the event concerns: their time from its beginning to first listing and first contact is told too.

    Returns
    -------
    dict
        ``as_of``, ``window``; ``missing``: what is not known (``tickets``, ``answers``, ``losses``, ``lists``,
        ``contacts``); ``questions`` (``all``, ``by``, ``days``) in hours; ``lost`` and ``concerned``: ``n``,
        ``to_listing`` and ``to_contact`` in days; what is not known is None.

    Raises
    ------
    TimeContractError
        If the event lies beyond the history.
    """
    if not window.first < window.until <= history.as_of:
        raise TimeContractError("the event does not end after its start, or ends after the history", rule="time.window")
    questions, missing = _questions(params, history, window)
    reach = Reach(params, history, root)
    lost = reach.since_loss(window.first, window.until)
    missing += reach.missing + ([] if lost is not None else ["losses"])
    concern = None if concerned is None else concern_of(params, history, concerned, language="en").customers
    return {
        "as_of": us_to_iso(history.as_of),
        "timezone": params.histories.timezone,
        "window": {
            "first": us_to_iso(window.first),
            "until": us_to_iso(window.until),
            "why": window.why,
            "name": window.name,
        },
        "standards": {
            "answer_hours": _answer_hours(params),
            "list_days": params.response.list_within_days,
            "contact_days": params.response.contact_within_days,
        },
        "missing": missing,
        "questions": questions,
        "lost": lost,
        "concerned": None if concern is None else reach.since_start(concern, window.first),
    }


def _answer_hours(params: Params) -> float:
    own = params.response.answer_within_hours
    return params.relationship.sla_hours if own is None else own


def _questions(params: Params, history: History, window: Window) -> tuple[dict[str, Any] | None, list[str]]:
    roles = relationship_roles(params, history, at=history.as_of)
    if roles.tickets is None:
        return None, ["tickets"]
    found = _tickets(params, history, roles.tickets, roles.segments)
    inside = {"first": window.first, "until": window.until}
    if not roles.tickets.knows_answers:
        n = int(((found.opened > window.first) & (found.opened <= window.until)).sum())
        return {"table": roles.tickets.table, "all": {"n": n}, "by": {}, "days": []}, ["answers"]
    hours = _answer_hours(params)
    told = {
        "table": roles.tickets.table,
        "all": questions_in(found, **inside, at=history.as_of, standard_hours=hours),
        "by": questions_by(found, **inside, at=history.as_of, standard_hours=hours),
        "days": backlog(found, **inside, standard_hours=hours),
    }
    return told, []


def _tickets(params: Params, history: History, role: TicketRole, segments: Sequence[str]) -> Questions:
    """Return every question of the history with its groups, in the order of the buckets."""
    people = params.customers_table
    ways = [(role.table, column) for column in history.tables[role.table].categories]
    ways += [(people, column) for column in segments] if people is not None else []

    def one(number: int) -> tuple[Int64s, Int64s, list[npt.NDArray[np.object_]]]:
        bucket = BucketAt(history, number, history.as_of)
        tickets = tickets_of(bucket, role)
        levels = []
        for table, column in ways:
            codes, names = bucket.codes(table, column)
            texts = np.array([*names, ""], dtype=object)  # the code of a missing cell, -1, takes the last place
            if table == role.table:
                levels.append(texts[codes[tickets.row]])
            else:
                newest = np.full(len(bucket.customers), -1, dtype=np.int64)
                newest[bucket.who(table)] = codes
                levels.append(texts[newest[tickets.customer]])
        return tickets.opened, tickets.closed, levels

    parts = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
    groups = {}
    for place, (table, column) in enumerate(ways):
        levels = np.concatenate([each[2][place] for each in parts])
        if 1 < len(set(levels.tolist())) <= _MOST_LEVELS:
            groups[f"{table}.{column}"] = levels
    opened, closed = (np.concatenate([each[k] for each in parts]) for k in (0, 1))
    return Questions(opened, closed, groups)
