from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, milp

from churnml.campaign.allocate import Allocation, Limit, allocate

Floats = npt.NDArray[np.float64]
ONE = np.array([1.0])


def _weights(limit: Limit, n: int) -> Floats:
    weights = np.broadcast_to(limit.weights, (n, limit.weights.shape[-1]))
    return weights if limit.members is None else np.where(limit.members[:, None], weights, 0.0)


def _optimum(gain: Floats, limits: list[Limit]) -> float:
    """What HiGHS finds, without any of the tricks."""
    n, k = gain.shape
    allowed = np.isfinite(gain)
    worth = np.where(allowed, gain, 0.0).ravel()
    rows = [np.kron(np.eye(n), np.ones(k))] + [_weights(limit, n).reshape(1, -1) for limit in limits]
    most = np.concatenate([np.ones(n), [limit.at_most for limit in limits]])
    found = milp(
        -worth,
        integrality=np.ones(n * k),
        bounds=(np.zeros(n * k), allowed.ravel().astype(float)),
        constraints=LinearConstraint(np.vstack(rows), ub=most),
    )
    return float(-found.fun)


def _check(gain: Floats, limits: list[Limit], found: Allocation) -> None:
    taken = np.flatnonzero(found.choice >= 0)
    chosen = gain[taken, found.choice[taken]]
    assert (chosen > 0).all()
    assert found.total == pytest.approx(chosen.sum())
    for limit in limits:
        used = _weights(limit, len(gain))[taken, found.choice[taken]].sum()
        assert used <= limit.at_most * (1 + 1e-9)
        assert found.used[limit.name] == pytest.approx(used)
    assert found.gap == pytest.approx((found.bound - found.total) / max(found.bound, 1e-300))


def _instance(seed: int, n: int, k: int) -> tuple[Floats, list[Limit]]:
    rng = np.random.default_rng(seed)
    gain = np.round(rng.lognormal(3, 1, (n, k)) - 15, int(rng.integers(-1, 3)))
    gain[rng.random((n, k)) < 0.2] = rng.choice([np.nan, -np.inf])
    phone = (np.arange(k) % 2).astype(float)
    team = rng.integers(0, 3, n)
    limits = [
        Limit("budget", float(rng.integers(0, 4 * n)), np.round(rng.gamma(2, 3, (n, k)), 1)),
        Limit("contacts", float(rng.integers(0, n + 1)), np.ones(k)),
        *(Limit(f"team {t}", float(rng.integers(0, n // 2 + 1)), phone, team == t) for t in range(3)),
    ]
    return gain, limits


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 15), st.integers(1, 4))
def test_within_one_percent_of_the_optimum_and_never_over_a_limit(seed: int, n: int, k: int) -> None:
    gain, limits = _instance(seed, n, k)
    found, best = allocate(gain, limits), _optimum(gain, limits)
    _check(gain, limits, found)
    assert found.total >= 0.99 * best - 1e-6
    assert found.bound >= best * (1 - 1e-3) - 1e-6
    assert found.gap <= 0.01


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25))
def test_more_room_never_gains_less(seed: int, n: int) -> None:
    gain, limits = _instance(seed, n, 3)
    more = [Limit(limit.name, limit.at_most * 1.3 + 1, limit.weights, limit.members) for limit in limits]
    assert allocate(gain, more).bound >= allocate(gain, limits).total * (1 - 1e-3) - 1e-6
    assert allocate(gain, more).total >= allocate(gain, limits).total * 0.99 - 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_many_customers_have_a_small_gap(seed: int) -> None:
    gain, limits = _instance(seed + 100, 30_000, 5)
    found = allocate(gain, limits)
    _check(gain, limits, found)
    assert found.gap <= 1e-3


def test_without_limits_everybody_has_the_best_action() -> None:
    found = allocate(np.array([[1.0, 2.0], [-1.0, np.nan], [np.nan, -np.inf]]), [])
    assert found.choice.tolist() == [1, -1, -1]
    assert found.best.tolist() == [1, 0, -1]
    np.testing.assert_allclose(found.reduced, [2.0, -1.0, np.nan])
    assert (found.total, found.bound, found.gap) == (2.0, 2.0, 0.0)


@pytest.mark.parametrize("at_most", [0.0, 0.5])
def test_nothing_can_be_had_where_there_is_no_room(at_most: float) -> None:
    found = allocate(np.full((4, 1), 5.0), [Limit("calls", at_most, ONE)])
    assert found.choice.tolist() == [-1] * 4
    assert (found.total, found.gap) == (0.0, 0.0)


def test_no_customer_no_choice() -> None:
    found = allocate(np.zeros((0, 2)), [Limit("calls", 3, np.ones(2))])
    assert (len(found.choice), found.total, found.gap, found.used) == (0, 0.0, 0.0, {"calls": 0.0})


def test_all_losses_mean_no_action_at_no_price() -> None:
    found = allocate(np.full((3, 2), -4.0), [Limit("calls", 1, np.ones(2))])
    assert found.choice.tolist() == [-1] * 3
    assert found.prices == {"calls": 0.0}


def test_between_equals_the_earlier_customer_comes_first() -> None:
    found = allocate(np.full((50_000, 2), 3.0), [Limit("calls", 100, np.ones(2))])
    assert np.flatnonzero(found.choice >= 0).tolist() == list(range(100))
    assert found.gap == 0.0


def test_three_times_a_tenth_fits_into_three_tenths() -> None:
    found = allocate(np.full((5, 1), 1.0), [Limit("budget", 0.3, np.array([0.1]))])
    assert int((found.choice >= 0).sum()) == 3


def test_one_huge_customer_takes_the_budget_only_if_worth_it() -> None:
    weights = np.array([[100.0], [1.0], [1.0]])
    budget = [Limit("budget", 100, weights)]
    assert allocate(np.array([[90.0], [50.0], [50.0]]), budget).choice.tolist() == [-1, 0, 0]
    assert allocate(np.array([[190.0], [50.0], [50.0]]), budget).choice.tolist() == [0, -1, -1]


def test_a_price_is_what_one_more_would_gain() -> None:
    gain = np.array([[50.0], [40.0], [30.0], [20.0]])
    found = allocate(gain, [Limit("calls", 2, ONE), Limit("budget", 1000.0, ONE)])
    assert found.prices == pytest.approx({"calls": 30.0, "budget": 0.0})
    np.testing.assert_allclose(found.reduced, [20.0, 10.0, 0.0, -10.0])


def test_the_withheld_get_nothing_and_are_told_what_they_would_have_had() -> None:
    gain = np.array([[50.0], [40.0], [30.0], [20.0]])
    withheld = np.array([True, False, False, True])
    found = allocate(gain, [Limit("calls", 1, ONE)], withheld=withheld)
    assert found.choice.tolist() == [-1, 0, -1, -1]
    np.testing.assert_allclose(found.reduced, [20.0, 10.0, 0.0, -10.0])


def test_weights_of_nothing_never_bind() -> None:
    found = allocate(np.full((3, 1), 2.0), [Limit("budget", 0.0, np.zeros(1)), Limit("all", np.inf, ONE)])
    assert found.choice.tolist() == [0, 0, 0]
    assert found.prices == {"budget": 0.0, "all": 0.0}


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (Limit("calls", -1, ONE), "at_most"),
        (Limit("calls", np.nan, ONE), "at_most"),
        (Limit("calls", 1, np.array([-1.0])), "weight"),
        (Limit("calls", 1, np.array([np.nan])), "weight"),
        (Limit("calls", 1, np.ones(3)), "weights have shape"),
        (Limit("calls", 1, ONE, np.ones(3, bool)), "members"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(limit: Limit, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        allocate(np.ones((2, 1)), [limit])


def test_two_limits_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="share a name"):
        allocate(np.ones((2, 1)), [Limit("calls", 1, ONE), Limit("calls", 2, ONE)])


def test_an_infinite_gain_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        allocate(np.array([[np.inf]]), [])
