from __future__ import annotations

import numpy as np
import pytest
from factories import AS_OF, DAY
from memory_history import memory_history

from churnml.histories.bucket import Bucket
from churnml.histories.in_force import has_in_force

START, END = AS_OF - 100 * DAY, AS_OF - 10 * DAY


def found(at: int, **spell: object) -> bool:
    row = {"id": "c", "started_at": START, "ended_at": END, "tier": "gold"} | spell
    bucket = Bucket(memory_history(AS_OF, {"plans": ("spells", [row])}), 0)
    counts = bucket.categories("plans", "tier").to_numpy(zero_copy_only=False) == "gold"
    (answer,) = has_in_force(bucket, "plans", np.zeros(1, np.int64), np.array([at]), counts=counts)
    return bool(answer)


@pytest.mark.parametrize(("at", "is_in_force"), [(START - 1, False), (START, True), (END - 1, True), (END, False)])
def test_from_its_start_until_its_end(at: int, is_in_force: bool) -> None:
    assert found(at) is is_in_force


def test_only_between_what_was_known_and_what_replaced_it() -> None:
    known, replaced = START + 5 * DAY, START + 20 * DAY
    instants = (known - 1, known, replaced - 1, replaced)
    assert [found(at, known_at=known, superseded_at=replaced) for at in instants] == [False, True, True, False]


def test_an_open_spell_stays_and_one_that_is_not_asked_for_is_none() -> None:
    assert found(AS_OF, ended_at=None)
    assert not found(START, tier="basic")


def test_all_spells_count_where_none_are_chosen() -> None:
    rows = [{"id": name, "started_at": START, "ended_at": end} for name, end in (("a", END), ("b", None))]
    bucket = Bucket(memory_history(AS_OF, {"plans": ("spells", rows)}), 0)
    assert has_in_force(bucket, "plans", np.array([0, 1]), np.array([AS_OF, AS_OF])).tolist() == [False, True]
