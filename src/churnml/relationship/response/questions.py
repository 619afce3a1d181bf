"""Questions of customers in an event: how many are open or overdue day by day, and how long a first answer takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.relationship.response.waiting import waiting
from churnml.relationship.tickets import HOUR_US
from churnml.timeline import DAY_US, us_to_iso

__all__ = ["Questions", "backlog", "questions_by", "questions_in"]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions as known at an instant.

    Parameters
    ----------
    opened, closed : ndarray of int64, shape (n,)
        Microseconds; closed lies after the instant while a question is open.
    groups : mapping of str to ndarray of str, shape (n,)
        Way to part them -> level, empty = not known.
    """

    opened: Int64s
    closed: Int64s
    groups: Mapping[str, npt.NDArray[np.object_]]


def questions_in(found: Questions, *, first: int, until: int, at: int, standard_hours: float) -> dict[str, Any]:
    """Return how fast the questions opened in ``(first, until]`` were answered by an instant, hours.

    See :func:`churnml.relationship.response.waiting.waiting`.
    """
    return _waiting(found, (found.opened > first) & (found.opened <= until), at=at, standard_hours=standard_hours)


def _waiting(found: Questions, chosen: npt.NDArray[np.bool_], *, at: int, standard_hours: float) -> dict[str, Any]:
    opened, closed = found.opened[chosen], found.closed[chosen]
    has_ended = closed <= at
    hours = (np.where(has_ended, closed, at) - opened) / HOUR_US
    return waiting(np.maximum(hours, 0.0), has_ended, standard=standard_hours)


def questions_by(
    found: Questions, *, first: int, until: int, at: int, standard_hours: float
) -> dict[str, list[dict[str, Any]]]:
    """Return the same by each way to part the questions; levels sorted, unknown (None) last."""
    inside = (found.opened > first) & (found.opened <= until)
    result = {}
    for way, levels in found.groups.items():
        names = sorted(set(levels[inside].tolist()), key=lambda name: (name == "", name))
        result[way] = [
            {
                "level": name or None,
                **_waiting(found, inside & (levels == name), at=at, standard_hours=standard_hours),
            }
            for name in names
        ]
    return result


def backlog(found: Questions, *, first: int, until: int, standard_hours: float) -> list[dict[str, Any]]:
    """Return how many questions were open, and overdue, at the end of each day of ``(first, until]``.

    Questions from before count too as long as they are open; the last day ends at ``until``.
    """
    overdue_from = found.opened + round(standard_hours * HOUR_US)
    rows = []
    for start in range(first, until, DAY_US):
        end = min(start + DAY_US, until)
        is_open = (found.opened <= end) & (found.closed > end)
        arrived = (found.opened > start) & (found.opened <= end)
        answered = (found.closed > start) & (found.closed <= end)
        rows.append(
            {
                "until": us_to_iso(end),
                "opened": int(arrived.sum()),
                "answered": int(answered.sum()),
                "open": int(is_open.sum()),
                "overdue": int((is_open & (overdue_from < end)).sum()),
            }
        )
    return rows
