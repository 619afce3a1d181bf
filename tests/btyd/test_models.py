"""Buy-till-you-die models: published fits, recovery of known parameters, an obvious series as oracle, ranges."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from cohorts import Cohort, simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import betaln, hyp2f1
from scipy.stats import nbinom

from churnml.btyd import BgNbd, GammaGamma, MbgCnbd, fit_bgnbd, fit_buying, fit_gammagamma, fit_mbgcnbd
from churnml.btyd.likelihood import BgLikelihood
from churnml.btyd.summaries import merge_rows
from churnml.errors import ModelError

CDNOW = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow" / "sample.parquet"

BG = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426, loglik=0.0, n_customers=0)
MBG = MbgCnbd(r=0.525, alpha=6.183, a=0.891, b=1.614, loglik=0.0, n_customers=0)
STEADY = MbgCnbd(r=1.2, alpha=9.0, a=0.8, b=3.0, loglik=0.0, n_customers=0, k=3)
MODELS = [BG, MBG, STEADY, BgNbd(0.3, 1.0, 1.0, 1.0, 0.0, 0)]


@pytest.fixture(scope="module")
def cdnow() -> Cohort:
    """CDNOW, 1/10 sample, weeks, first 39 weeks; purchases of one day are one purchase."""
    if not CDNOW.exists():
        pytest.skip("the CDNOW sample is not on this machine")
    table = pq.read_table(CDNOW).to_pandas()
    table = table[table["date"] <= "1997-09-30"]
    days = table.groupby(["sample_id", "date"], as_index=False)["dollar_value"].sum()
    days["week"] = (days["date"] - days["date"].min()).dt.days / 7
    days["gap"] = days.groupby("sample_id")["week"].diff()
    by = days.groupby("sample_id")
    x = (by.size() - 1).to_numpy(dtype=np.float64)
    first = by["week"].min().to_numpy()
    spend = days["dollar_value"].where(days["gap"].notna()).groupby(days["sample_id"]).mean().to_numpy()
    log_gaps = np.log(days["gap"]).groupby(days["sample_id"]).sum().to_numpy()
    return Cohort(x, by["week"].max().to_numpy() - first, 272 / 7 - first, log_gaps, spend, np.full(len(x), np.nan))


def test_bgnbd_on_cdnow_is_the_published_fit(cdnow: Cohort) -> None:
    # Fader, Hardie, Lee (2005), table 2.
    fit = fit_bgnbd(cdnow.x, cdnow.t_x, cdnow.T)
    assert [fit.r, fit.alpha, fit.a, fit.b] == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=6e-4)
    assert fit.loglik == pytest.approx(-9582.4, abs=0.05)


def test_mbgnbd_on_cdnow_is_the_published_fit(cdnow: Cohort) -> None:
    # Batislam et al. (2007) as reproduced by BTYDplus; purchases of music are irregular, so k stays 1.
    fit = fit_mbgcnbd(cdnow.x, cdnow.t_x, cdnow.T, sum_log_gaps=cdnow.sum_log_gaps)
    assert [fit.r, fit.alpha, fit.a, fit.b] == pytest.approx([0.525, 6.183, 0.891, 1.614], abs=6e-4)
    assert fit.k == 1


def test_on_cdnow_the_likelier_model_is_kept(cdnow: Cohort) -> None:
    fit = fit_buying(cdnow.x, cdnow.t_x, cdnow.T, sum_log_gaps=cdnow.sum_log_gaps)
    assert isinstance(fit, MbgCnbd)
    assert (fit.k, fit.loglik) == (1, pytest.approx(-9582.14, abs=0.05))


def test_gammagamma_on_cdnow_is_the_published_fit(cdnow: Cohort) -> None:
    # Fader, Hardie (2013), on the 946 repeat buyers.
    fit = fit_gammagamma(cdnow.x, cdnow.mean_spend)
    assert [fit.p, fit.q, fit.gamma] == pytest.approx([6.25, 3.74, 15.44], abs=6e-3)
    assert fit.n_customers == 946


def test_conditional_expectation_is_the_published_one() -> None:
    # The customer of Fader and Hardie's spreadsheet note on BG/NBD.
    assert BG.expected_purchases(39, 2, 30.43, 38.86)[0] == pytest.approx(1.226, abs=5e-4)


@pytest.mark.parametrize(("k", "drop_at_zero"), [(1, False), (1, True), (3, True)])
def test_fit_recovers_known_parameters(k: int, drop_at_zero: bool) -> None:
    theta = (0.8, 20.0 * k, 0.8, 2.5)
    cohort = simulate(60_000 if k > 1 else 20_000, k=k, theta=theta, drop_at_zero=drop_at_zero, seed=3)
    fit: BgNbd | MbgCnbd
    if drop_at_zero:
        fit = fit_mbgcnbd(cohort.x, cohort.t_x, cohort.T, sum_log_gaps=cohort.sum_log_gaps)
        assert fit.k == k
    else:
        fit = fit_bgnbd(cohort.x, cohort.t_x, cohort.T)
    assert [fit.r, fit.alpha / k, fit.a, fit.b] == pytest.approx([0.8, 20.0, 0.8, 2.5], rel=0.15)


@pytest.mark.parametrize(("k", "drop_at_zero"), [(1, False), (1, True), (3, True)])
def test_the_model_the_purchases_were_drawn_by_is_chosen(k: int, drop_at_zero: bool) -> None:
    cohort = simulate(4_000, k=k, theta=(0.8, 20.0 * k, 0.8, 2.5), drop_at_zero=drop_at_zero, seed=12)
    seen = (cohort.x, cohort.t_x, cohort.T)
    fit = fit_buying(*seen, sum_log_gaps=cohort.sum_log_gaps)
    rivals = fit_bgnbd(*seen), fit_mbgcnbd(*seen, sum_log_gaps=cohort.sum_log_gaps)
    assert fit == max(rivals, key=lambda rival: rival.loglik)
    assert isinstance(fit, MbgCnbd) == drop_at_zero
    assert getattr(fit, "k", 1) == k


def test_without_gaps_purchase_times_count_as_random() -> None:
    cohort = simulate(2_000, k=3, theta=(0.8, 60.0, 0.8, 2.5), drop_at_zero=True, seed=12)
    fit = fit_buying(cohort.x, cohort.t_x, cohort.T, max_customers=1_000)
    assert (getattr(fit, "k", 1), fit.n_customers) == (1, 1_000)


def test_gammagamma_recovers_known_parameters() -> None:
    rng = np.random.default_rng(4)
    x = 1.0 + rng.poisson(3, 20_000)
    rate = rng.gamma(4.0, 1 / 15.0, x.size)
    fit = fit_gammagamma(x, rng.gamma(6.0 * x, 1 / (rate * x)))
    assert [fit.p, fit.q, fit.gamma] == pytest.approx([6.0, 4.0, 15.0], rel=0.1)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("drop_at_zero", [False, True])
def test_gradient_is_the_slope_of_the_likelihood(k: int, drop_at_zero: bool) -> None:
    cohort = simulate(200, k=1, theta=(0.8, 20.0, 0.8, 2.5), drop_at_zero=False, seed=5)
    objective = BgLikelihood(merge_rows(cohort.x, cohort.t_x, cohort.T), k=k, drop_at_zero=drop_at_zero)
    point = np.log([0.6, 17.0, 0.7, 2.0])
    slope = approx_fprime(point, lambda at: objective(at)[0], 1e-6)
    np.testing.assert_allclose(objective(point)[1], slope, atol=1e-5)


def test_expected_purchases_equal_the_published_closed_form() -> None:
    # Fader, Hardie, Lee (2005), equation 10, where its hypergeometric function is harmless.
    x, T, horizon = np.arange(8.0), 30.0 + np.arange(8), 39.0
    t_x = T * 0.9 * (x > 0)
    c = BG.a + BG.b + x - 1
    z = horizon / (BG.alpha + T + horizon)
    f = hyp2f1(BG.r + x, BG.b + x, c, z) * ((BG.alpha + T) / (BG.alpha + T + horizon)) ** (BG.r + x)
    closed = c / (BG.a - 1) * (1 - f) * BG.p_alive(x, t_x, T)
    np.testing.assert_allclose(BG.expected_purchases(horizon, x, t_x, T), closed, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_expected_purchases_equal_a_sum_over_purchases(k: int) -> None:
    """The n-th purchase happens if enough Erlang stages pass and the customer survives the n - 1 before it."""
    model = MbgCnbd(r=0.8, alpha=9.0, a=0.7, b=2.0, loglik=0.0, n_customers=0, k=k)
    x, t_x, T, horizon = 4.0, 20.0, 26.0, 30.0
    s, until, n = model.r + k * x, model.alpha + T, np.arange(1, 3_000)
    survive = np.exp(betaln(model.a, model.b + x + n) - betaln(model.a, model.b + x + 1))
    shares, sums = [1.0], []
    for j in range(k):
        if j:
            shares.append(shares[-1] * (s + j - 1) / j * (T - t_x) / until)
        sums.append(np.sum(survive * nbinom.sf(n * k - j - 1, s + j, until / (until + horizon))))
    expected = np.dot(shares, sums) / np.sum(shares) * model.p_alive(x, t_x, T)
    assert model.expected_purchases(horizon, x, t_x, T) == pytest.approx(expected, rel=1e-5)


def test_expected_purchases_come_true_in_a_simulation() -> None:
    theta = (1.2, 60.0, 0.8, 3.0)
    cohort = simulate(30_000, k=3, theta=theta, drop_at_zero=True, seed=6)
    model = MbgCnbd(*theta, loglik=0.0, n_customers=0, k=3)
    zero = np.zeros(1)
    ages = np.quantile(cohort.T, np.arange(0.025, 1, 0.05))
    expected = [model.expected_purchases(T, zero, zero, zero)[0] for T in ages]
    assert np.mean(expected) == pytest.approx(cohort.x.mean(), rel=0.02)


@st.composite
def customers(draw: st.DrawFn) -> tuple[int, float, float]:
    """Any valid summary, the extremes included."""
    x = draw(st.integers(0, 5_000))
    T = draw(st.one_of(st.just(0.0), st.floats(0, 1e3), st.floats(0, 1e12)))
    return x, T * draw(st.floats(0, 1)), T


@settings(max_examples=150, deadline=None)
@given(customer=customers(), share=st.floats(0, 1), model=st.sampled_from(MODELS))
def test_p_alive_is_a_probability_and_grows_with_recency(
    customer: tuple[int, float, float], share: float, model: BgNbd | MbgCnbd
) -> None:
    x, t_x, T = customer
    earlier, later = model.p_alive([x, x], [t_x * share, t_x], [T, T])
    assert 0 <= earlier <= later * (1 + 1e-9) <= 1 + 1e-9


@settings(max_examples=150, deadline=None)
@given(customer=customers(), horizon=st.floats(0, 1e6), longer=st.floats(1, 100), model=st.sampled_from(MODELS))
def test_expected_purchases_grow_with_the_horizon(
    customer: tuple[int, float, float], horizon: float, longer: float, model: BgNbd | MbgCnbd
) -> None:
    near, far = model.expected_purchases([horizon, horizon * longer], *([c, c] for c in customer))
    assert np.isfinite(far)
    # Cancellation leaves 1e-7 for k > 1.
    assert 0 <= near <= far * (1 + 1e-5) + 1e-7


def test_fit_does_not_depend_on_row_order_or_unit() -> None:
    cohort = simulate(3_000, k=1, theta=(0.8, 20.0, 0.8, 2.5), drop_at_zero=False, seed=7)
    order = np.random.default_rng(0).permutation(cohort.x.size)
    fit = fit_bgnbd(cohort.x, cohort.t_x, cohort.T, max_customers=1_000)
    assert fit_bgnbd(cohort.x[order], cohort.t_x[order], cohort.T[order], max_customers=1_000) == fit
    weeks = fit_bgnbd(cohort.x, cohort.t_x / 7, cohort.T / 7, max_customers=1_000)
    assert [weeks.r, weeks.alpha * 7] == pytest.approx([fit.r, fit.alpha], rel=1e-4)


def test_fit_does_not_depend_on_the_number_of_threads() -> None:
    code = (
        "import numpy as np; from churnml.btyd import fit_mbgcnbd; rng = np.random.default_rng(0); n = 20_000;"
        "x = rng.poisson(2, n); T = rng.uniform(10, 90, n); t_x = T * rng.random(n) * (x > 0);"
        "print(repr(fit_mbgcnbd(x, t_x, T, sum_log_gaps=x * 1.5)))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"OPENBLAS_NUM_THREADS": n, "OMP_NUM_THREADS": n},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in ("1", "4")
    }
    assert len(printed) == 1


@pytest.mark.parametrize("model", MODELS)
def test_prediction_of_a_customer_does_not_depend_on_the_others(model: BgNbd | MbgCnbd) -> None:
    cohort = simulate(2_500, k=1, theta=(0.8, 20.0, 0.8, 2.5), drop_at_zero=False, seed=8)
    order = np.random.default_rng(0).permutation(cohort.x.size)
    whole = model.expected_purchases(90, cohort.x, cohort.t_x, cohort.T)
    shuffled = model.expected_purchases(90, cohort.x[order], cohort.t_x[order], cohort.T[order])
    np.testing.assert_array_equal(shuffled, whole[order])
    silent = model.p_silent(90, cohort.x, cohort.t_x, cohort.T)
    alone = [model.p_silent(90, *one)[0] for one in zip(cohort.x[:50], cohort.t_x[:50], cohort.T[:50], strict=True)]
    np.testing.assert_array_equal(alone, silent[:50])


def test_fit_on_part_of_the_customers_is_near_the_fit_on_all() -> None:
    cohort = simulate(20_000, k=1, theta=(0.8, 20.0, 0.8, 2.5), drop_at_zero=False, seed=9)
    whole = fit_bgnbd(cohort.x, cohort.t_x, cohort.T)
    part = fit_bgnbd(cohort.x, cohort.t_x, cohort.T, max_customers=5_000)
    assert part.n_customers == 5_000
    assert part.r == pytest.approx(whole.r, rel=0.1)


def test_customers_who_never_leave_give_a_finite_fit() -> None:
    rng = np.random.default_rng(10)
    T = np.full(500, 100.0)
    x = 1.0 + rng.poisson(20, 500)
    fit = fit_bgnbd(x, T * x / (x + 1), T)
    assert np.isfinite(fit.expected_purchases([0.0, 1e6], 20, 95, 100)).all()


def test_expected_spend_shrinks_towards_the_population() -> None:
    model = GammaGamma(p=6.25, q=3.74, gamma=15.44, loglik=0.0, n_customers=0)
    population, once, often = model.expected_spend([0, 1, 50], [np.nan, 100.0, 100.0])
    assert population == pytest.approx(6.25 * 15.44 / 2.74)
    assert population < once < often < 100


def test_expected_spend_of_refunded_customers_is_positive() -> None:
    model = GammaGamma(p=6.25, q=3.74, gamma=15.44, loglik=0.0, n_customers=0)
    assert (model.expected_spend([1, 5], [-20.0, 0.0]) > 0).all()


@pytest.mark.parametrize(
    ("x", "t_x", "T", "match"),
    [
        ([1.0] * 29, [1.0] * 29, [2.0] * 29, "fewer than 30 customers"),
        ([0.0] * 40, [0.0] * 40, [2.0] * 40, "no customer has a repeat transaction"),
        ([1.0] * 40, [0.0] * 40, [0.0] * 40, "observed at the first purchase only"),
        ([1.5] * 40, [1.0] * 40, [2.0] * 40, "not a count"),
        ([1.0] * 40, [3.0] * 40, [2.0] * 40, "after T"),
        ([1.0] * 40, [np.nan] * 40, [2.0] * 40, "missing or infinite"),
        ([1.0] * 40, [1.0] * 39, [2.0] * 40, "differ in length"),
    ],
)
def test_fit_refuses(x: list[float], t_x: list[float], T: list[float], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        fit_bgnbd(x, t_x, T)


def test_two_purchases_at_one_time_have_no_gap() -> None:
    with pytest.raises(ModelError, match="sums of log gaps"):
        fit_mbgcnbd(np.ones(40), np.ones(40), np.full(40, 2.0), sum_log_gaps=np.full(40, -np.inf))


def test_expected_purchases_refuse_a_negative_horizon() -> None:
    with pytest.raises(ModelError, match="horizon"):
        BG.expected_purchases(-1, 0, 0, 0)


def test_gammagamma_refuses_too_few() -> None:
    with pytest.raises(ModelError, match="fewer than 30"):
        fit_gammagamma(np.ones(40), np.zeros(40))
