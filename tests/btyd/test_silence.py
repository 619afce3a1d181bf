"""P(no purchase in the horizon): a simulation, an integral, the published case, limits and bounds."""

from __future__ import annotations

import numpy as np
import pytest
from cohorts import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma, poisson

from churnml.btyd import BgNbd, BuyingModel, MbgCnbd
from churnml.errors import ModelError

THETA = (0.8, 40.0, 0.8, 2.5)
MODELS: list[BuyingModel] = [
    BgNbd(*THETA, loglik=0.0, n_customers=0),
    *(MbgCnbd(*THETA, loglik=0.0, n_customers=0, k=k) for k in (1, 2, 3, 4)),
]
SEEN = (np.array([0.0, 1.0, 3.0, 7.0, 60.0]), np.array([0.0, 5.0, 80.0, 10.0, 99.0]), np.full(5, 100.0))


@pytest.mark.parametrize("horizon", [20.0, 180.0])
@pytest.mark.parametrize("model", MODELS)
def test_silence_comes_true_in_a_simulation(model: BuyingModel, horizon: float) -> None:
    k, drop_at_zero = getattr(model, "k", 1), isinstance(model, MbgCnbd)
    cohort = simulate(40_000, k=k, theta=THETA, drop_at_zero=drop_at_zero, seed=11)
    p, is_silent = model.p_silent(horizon, cohort.x, cohort.t_x, cohort.T), cohort.next_after > horizon
    for group in np.array_split(np.argsort(p, kind="stable"), 10):
        spread = np.sqrt(np.sum(p[group] * (1 - p[group])))
        assert abs(np.sum(is_silent[group]) - np.sum(p[group])) < 4 * spread
    # Groups by what was seen, not by what is expected: frequent buyers, and those who never came back.
    for group in (cohort.x == 0, cohort.x == 1, cohort.x > 5, cohort.t_x < cohort.T / 2):
        spread = np.sqrt(np.sum(p[group] * (1 - p[group])))
        assert abs(np.sum(is_silent[group]) - np.sum(p[group])) < 4 * spread


def test_silence_of_bgnbd_is_the_closed_form() -> None:
    model, (x, _, T), horizon = MODELS[0], SEEN, 39.0
    quiet = ((model.alpha + T) / (model.alpha + T + horizon)) ** (model.r + x)
    np.testing.assert_allclose(model.p_silent(horizon, *SEEN), 1 - model.p_alive(*SEEN) * (1 - quiet), rtol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_silence_equals_an_integral_over_purchase_rates(k: int) -> None:
    """With a known rate fewer than k Erlang stages since the last purchase mean no purchase."""
    model = MbgCnbd(*THETA, loglik=0.0, n_customers=0, k=k)
    x, t_x, T, horizon = 3.0, 80.0, 100.0, 45.0

    def silent_until(end: float) -> float:
        posterior = gamma(model.r + k * x, scale=1 / (model.alpha + t_x))
        return float(quad(lambda rate: posterior.pdf(rate) * poisson.cdf(k - 1, rate * (end - t_x)), 0, np.inf)[0])

    quiet = silent_until(T + horizon) / silent_until(T)
    p_alive = model.p_alive(x, t_x, T)
    assert model.p_silent(horizon, x, t_x, T) == pytest.approx(1 - p_alive + p_alive * quiet, rel=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_nothing_happens_in_no_time_and_the_living_come_back_at_last(model: BuyingModel) -> None:
    np.testing.assert_allclose(model.p_silent(0.0, *SEEN), 1.0, rtol=1e-15)
    np.testing.assert_allclose(model.p_silent(1e30, *SEEN), 1 - model.p_alive(*SEEN), atol=1e-9)


def test_who_cannot_have_left_is_silent_by_chance_only() -> None:
    # BG/NBD knows no leaving before the first repeat purchase.
    assert MODELS[0].p_silent(1e30, 0, 0, 100)[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_horizons_together_give_what_each_gives_alone(model: BuyingModel) -> None:
    horizons = np.array([0.0, 30.0, 365.0])
    for measure in (model.p_silent, model.expected_purchases):
        together = measure(horizons[:, None], *SEEN)
        assert together.shape == (3, 5)
        np.testing.assert_array_equal(together, [measure(horizon, *SEEN) for horizon in horizons])


@st.composite
def customers(draw: st.DrawFn) -> tuple[int, float, float]:
    """Any valid summary, the extremes included."""
    T = draw(st.one_of(st.just(0.0), st.floats(0, 1e3), st.floats(0, 1e12)))
    return draw(st.integers(0, 5_000)), T * draw(st.floats(0, 1)), T


@settings(max_examples=150, deadline=None)
@given(customer=customers(), horizon=st.floats(0, 1e6), longer=st.floats(1, 100), model=st.sampled_from(MODELS))
def test_silence_falls_with_the_horizon_and_leaves_room_for_expected_purchases(
    customer: tuple[int, float, float], horizon: float, longer: float, model: BuyingModel
) -> None:
    horizons = np.array([[horizon], [horizon * longer]])
    (near,), (far,) = model.p_silent(horizons, *customer)
    assert 0 <= far <= near * (1 + 1e-9)
    assert near <= 1
    assert 1 - model.p_alive(*customer)[0] <= far * (1 + 1e-9) + 1e-12
    # Cancellation leaves 1e-7 in expected purchases for k > 1.
    assert 1 - far <= model.expected_purchases(horizon * longer, *customer)[0] * (1 + 1e-5) + 1e-7


@pytest.mark.parametrize("horizon", [-1.0, np.nan, np.inf])
def test_silence_refuses_a_horizon_that_is_none(horizon: float) -> None:
    with pytest.raises(ModelError, match="horizon"):
        MODELS[0].p_silent(horizon, 0, 0, 0)
