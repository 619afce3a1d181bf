from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.campaign.shared_help import Grant, cents, shared_out

MONEY = st.integers(0, 10**7).map(lambda n: Decimal(n) / 100)
HARM = st.lists(st.integers(0, 10**12), max_size=40).map(lambda harm: -np.sort(-np.array(harm, dtype=np.int64)))


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    least = draw(st.integers(1, 10**5))
    most = draw(st.none() | st.integers(least, 10**6))
    rate = draw(st.none() | st.decimals("0.000001", "1000", places=6))
    bounds = {"least": Decimal(least) / 100, "most": None if most is None else Decimal(most) / 100}
    return Grant(budget=draw(MONEY), per_unit=rate, **bounds)


@given(HARM, grants(), st.sampled_from([1, 10_000]))
def test_the_budget_is_never_exceeded_and_the_worst_hit_come_first(harm: np.ndarray, grant: Grant, unit: int) -> None:
    found = shared_out(harm, grant, unit=unit)
    helped = found > 0
    assert sum(found.tolist()) <= grant.budget
    assert (found[helped] >= grant.least).all()
    assert (found <= grant.tops(harm.tolist(), unit=unit)).all()
    assert not found[harm == 0].any()
    assert (np.diff(found) <= 0).all()


@given(HARM, grants())
def test_nothing_is_left_that_could_be_given(harm: np.ndarray, grant: Grant) -> None:
    found = shared_out(harm, grant)
    left, helped = grant.budget - int(found.sum()), found > 0
    has_room = (found < grant.tops(harm.tolist(), unit=1)) & helped
    assert left == 0 or not has_room.any()
    assert left < grant.least or helped.sum() == (harm > 0).sum()


@given(HARM, grants())
def test_without_a_rate_as_many_are_helped_as_there_are_least_amounts(harm: np.ndarray, grant: Grant) -> None:
    n = int((shared_out(harm, grant) > 0).sum())
    assert grant.per_unit is not None or n == min(int((harm > 0).sum()), grant.budget // grant.least)


def test_with_a_rate_the_worst_hit_get_their_due_while_the_budget_lasts() -> None:
    bounds = {"least": Decimal(2), "most": Decimal(30), "per_unit": Decimal("0.1")}
    harm = np.array([900, 200, 100, 100, 5])
    assert shared_out(harm, Grant(budget=Decimal(55), **bounds)).tolist() == [3000, 2000, 500, 0, 0]
    assert shared_out(harm, Grant(budget=Decimal(51), **bounds)).tolist() == [3000, 2000, 0, 0, 0]
    assert shared_out(harm, Grant(budget=Decimal(99), **bounds)).tolist() == [3000, 2000, 1000, 1000, 200]


def test_shares_are_those_of_the_harm() -> None:
    grant = Grant(budget=Decimal("10"), least=Decimal("0.01"))
    assert shared_out(np.array([5, 3, 2]), grant).tolist() == [500, 300, 200]


def test_a_rate_bounds_what_a_unit_of_harm_is_worth_and_leaves_the_rest() -> None:
    grant = Grant(budget=Decimal(100), least=Decimal(1), per_unit=Decimal("0.15"))
    assert shared_out(np.array([200_000, 50_000]), grant, unit=10_000).tolist() == [300, 100]


def test_of_equals_the_first_get_the_cents_that_rounding_leaves() -> None:
    assert shared_out(np.array([1, 1, 1]), Grant(budget=Decimal("0.50"), least=Decimal("0.01"))).tolist() == [
        17,
        17,
        16,
    ]


def test_who_stands_behind_the_least_amount_gets_nothing() -> None:
    grant = Grant(budget=Decimal(25), least=Decimal(10), most=Decimal(12))
    assert shared_out(np.array([9, 9, 9]), grant).tolist() == [1200, 1200, 0]


@pytest.mark.parametrize("bounds", [{"least": 0}, {"least": 5, "most": 4}, {"least": 1, "budget": -1}])
def test_bounds_that_contradict_each_other_are_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="least must be above 0"):
        Grant(**{name: Decimal(value) for name, value in ({"budget": 10} | bounds).items()})


def test_parts_of_a_cent_are_refused() -> None:
    with pytest.raises(ValueError, match="parts of a cent"):
        cents(Decimal("0.001"))
