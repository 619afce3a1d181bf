from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from churnml.campaign.tiers import tier_edges, tiers_of, value_tiers

VALUES = arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_infinity=False))


@given(st.lists(st.floats(-100, 1e6), min_size=1, max_size=60), st.randoms())
def test_tiers_do_not_depend_on_order_and_never_split_equal_values(values: list[float], random: object) -> None:
    values = [round(v) for v in values]
    tier = dict(zip(values, value_tiers(np.array(values, float)).tolist(), strict=True))
    random.shuffle(values)  # type: ignore[attr-defined]
    assert value_tiers(np.array(values, float)).tolist() == [tier[v] for v in values]
    ranked = [tier[v] for v in sorted(set(values), reverse=True)]
    assert ranked == sorted(ranked)


def test_tiers_by_hand() -> None:
    # 500 of 1,000 in all: the first reaches half alone, the next two stand before 80 %, the last two behind it.
    assert value_tiers(np.array([500.0, 200, 150, 100, 50, 0, -9, np.nan])).tolist() == list("ABBCCCCC")
    assert value_tiers(np.array([])).tolist() == []
    assert value_tiers(np.zeros(2)).tolist() == ["C", "C"]


@given(VALUES, st.integers(1, 7))
def test_batches_change_nothing(values: np.ndarray, n_batches: int) -> None:
    edges = tier_edges(lambda: np.array_split(values, n_batches))
    assert tiers_of(values, edges).tolist() == value_tiers(values).tolist()


@given(VALUES)
def test_tiers_are_those_of_sums_in_fractions(values: np.ndarray) -> None:
    held = [Fraction(v) if v > 0 else Fraction(0) for v in values.tolist()]
    limits = [sum(held) * (Fraction(share) - Fraction(1, 10**12)) for share in (0.5, 0.8)]
    above = [sum(other for other in held if other > mine) for mine in held]
    expected = [
        "CBA"[sum(over < limit for limit in limits)] if mine else "C" for mine, over in zip(held, above, strict=True)
    ]
    assert value_tiers(values).tolist() == expected


@pytest.mark.parametrize("odd", [5e-324, 2.2e-308, 1.7e308, 1.0])
def test_many_of_one_value_are_one_tier(odd: float) -> None:
    values = np.full(100_000, odd)
    assert tier_edges(lambda: np.split(values, 4)) == (odd, odd)
    assert set(value_tiers(np.append(values, [np.inf, np.nan])).tolist()) == {"A", "C"}
