"""Changes of account owner: found as a plain look at each customer's assignments finds them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.relationship.causes.handover import POOLED, Handed, handovers, owner_figures, owners_at
from churnml.timeline import DAY_US, NEVER

AS_OF = 100
entry = st.tuples(st.integers(0, 120), st.integers(0, 40), st.integers(-1, 3))
assignments = st.lists(st.lists(entry, max_size=6), min_size=1, max_size=4)


def arrays(people):
    rows = [sorted(each) for each in people]
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in rows])])
    flat = [row for each in rows for row in each]
    started = np.array([start for start, _, _ in flat], dtype=np.int64)
    ended = np.array([start + length if length else NEVER for start, length, _ in flat], dtype=np.int64)
    return offsets, started, ended, np.array([owner for *_, owner in flat], dtype=np.int32)


def changes(*rows: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    return [(each.at, each.before, each.after) for each in handovers(*arrays([rows]), as_of=AS_OF)]


@settings(deadline=None)
@given(assignments)
def test_changes_are_those_of_a_plain_look(people) -> None:
    offsets, started, ended, owner = arrays(people)
    wanted = []
    for customer in range(len(people)):
        rows = range(offsets[customer], offsets[customer + 1])
        mine = [k for k in rows if owner[k] >= 0 and started[k] <= AS_OF]
        pairs = pairwise(mine)
        wanted += [(customer, started[b], owner[a], owner[b]) for a, b in pairs if owner[a] != owner[b]]
        if mine and ended[mine[-1]] <= AS_OF:
            wanted.append((customer, ended[mine[-1]], owner[mine[-1]], -1))
    found = handovers(offsets, started, ended, owner, as_of=AS_OF)
    assert [(each.customer, each.at, each.before, each.after) for each in found] == wanted
    now = owners_at(offsets, started, ended, owner, AS_OF)
    for customer, last in enumerate(now.tolist()):
        own = [each for each in found if each.customer == customer]
        assert not own or own[-1].after == last


def test_a_pause_between_two_times_of_one_owner_is_no_change_and_what_lies_ahead_is_none() -> None:
    assert changes((0, 10, 1), (20, 0, 1), (101, 0, 2)) == []
    assert changes((0, 10, 1), (20, 0, 2)) == [(20, 1, 2)]
    assert changes((0, 10, 1)) == [(10, 1, -1)]


def handed(before: str, *, at: int = 0, is_lost: bool | None = None, is_at_risk: bool = False, value: float = np.nan):
    return Handed("c", before, "", at, is_lost, is_at_risk, 0.1, value)


def test_figures_add_up_and_owners_with_few_stand_together() -> None:
    ann = [handed("Ann", is_lost=k < 3) for k in range(12)] + [
        handed("Ann", at=90 * DAY_US, is_at_risk=True, value=5.0)
    ]
    few = [handed("Bo", is_lost=True), handed("Cy", at=60 * DAY_US, is_at_risk=True), handed("Cy")]
    first, others = owner_figures(ann + few, ["Ann"], as_of=100 * DAY_US)
    assert (first["owner"], first["has_left"], first["at_risk"], first["median_days"]) == ("Ann", True, 1, 10.0)
    assert (first["followed"], first["lost"], first["share"], first["value_at_risk"]) == (12, 3, 0.25, 5.0)
    assert first["low"] == pytest.approx(0.0889, abs=1e-4)
    assert first["high"] == pytest.approx(0.5323, abs=1e-4)
    assert (others["owner"], others["owners"], others["has_left"]) == (POOLED, 2, None)
    assert (others["at_risk"], others["followed"], others["lost"], others["share"]) == (1, 1, 1, None)
    assert others["value_at_risk"] is None
