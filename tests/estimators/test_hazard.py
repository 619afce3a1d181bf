import json

import lightgbm as lgb
import numpy as np
import pytest

from churnml.errors import DataError, ModelError
from churnml.estimators.boosting import booster_text
from churnml.estimators.durations import Durations
from churnml.estimators.hazard import HazardModel
from churnml.estimators.hazard_level import expected_level, period_and_calendar
from churnml.estimators.person_periods import advancing_columns, period_edges, stack_periods
from churnml.estimators.survival import SurvivalCurves

FEW = {"max_rounds": 60}
WELL = {"max_rounds": 600}


def company(*, n=4_000, n_dates=1, every=30.0, end=400.0, seed=0, rates=(0.002, 0.008), yearly=0.0):
    """Return features, durations and dates of customers who leave at a constant rate of their plan.

    ``yearly`` is by how much the log rate grows in a year of the calendar.
    """
    draw = np.random.default_rng(seed)
    plan = draw.integers(0, 2, n)
    unit = draw.exponential(1.0, n)
    rate = np.array(rates)[plan]
    slope = yearly / 365.0
    # The cumulated rate up to a day is (exp(slope * day) - 1) / slope times that of the beginning.
    left = unit / rate if not slope else np.log1p(np.maximum(unit / rate * slope, -1 + 1e-12)) / slope
    parts = []
    for date in every * np.arange(n_dates):
        here = np.flatnonzero(left > date)
        event = left[here] - date
        observed = np.full(here.size, end - date)
        X = np.column_stack([plan[here], draw.normal(size=here.size), np.full(here.size, date)]).astype(np.float32)
        parts.append((X, np.where(event <= observed, event, np.nan), observed, np.full(here.size, date), here))
    X, event, observed, dates, customer = (np.concatenate(part) for part in zip(*parts, strict=True))
    return X, Durations(event, observed), dates, customer


def fitted(X, durations, dates, customer, **more):
    return HazardModel(**{"horizon_days": 90.0, **FEW, **more}).fit(X, durations, dates=dates, groups=customer)


PLANS = np.array([[0, 0, 0], [1, 0, 0]], dtype=np.float32)


def mean_risk(model, X, days):
    """Return the mean risk of each plan: what one customer gets also depends on the noise in its other features."""
    return np.stack([model.risk(X[X[:, 0] == plan], days).mean(axis=0) for plan in (0, 1)])


def test_recovers_known_hazards_at_every_horizon():
    X, *rest = company(n=12_000, end=200.0)
    model = fitted(X, *rest, **WELL)
    days = [10.0, 45.0, 90.0, 180.0, 400.0]
    known = 1 - np.exp(-np.outer([0.002, 0.008], days))
    found = mean_risk(model, X, days)
    assert found[:, :4] == pytest.approx(known[:, :4], abs=0.03)
    assert found[:, 4] == pytest.approx(known[:, 4], abs=0.06)  # twice as far as anybody was observed
    expected = (1 - np.exp(-np.array([0.002, 0.008]) * 365)) / [0.002, 0.008]
    assert model.expected_days(PLANS, cap_days=365.0) == pytest.approx(expected, rel=0.1)


def test_risks_over_longer_horizons_are_never_lower():
    X, *rest = company(n=1_500, n_dates=3)
    risk = fitted(X, *rest).risk(X, np.arange(0.0, 700.0, 7.0))
    assert np.all(risk[:, 0] == 0.0)
    assert np.all(np.diff(risk, axis=1) > 0.0)
    assert risk.max() < 1.0


def test_silence_is_survival_and_falls_with_the_horizon():
    X, *rest = company(n=1_500)
    model = fitted(X, *rest, is_return=True)
    days = [30.0, 90.0]
    assert np.array_equal(model.risk(X, days), model.survival(X, days))
    assert np.all(np.diff(model.risk(X, days), axis=1) < 0.0)
    assert np.array_equal(model.predict_proba(X), model.risk(X, [90.0])[:, 0])


def test_tl_21_censoring_at_random_moves_nothing():
    X, whole, dates, customer = company(n=16_000)
    until = np.random.default_rng(1).uniform(5.0, 200.0, len(X))
    event = np.where(whole.event_days <= until, whole.event_days, np.nan)
    model = fitted(X, Durations(event, until), dates, customer, **WELL)
    assert mean_risk(model, X, [90.0])[:, 0] == pytest.approx(1 - np.exp([-0.18, -0.72]), abs=0.03)


def test_competing_endings_leave_the_risk_as_it_is():
    X, whole, dates, customer = company(n=16_000)
    other = np.random.default_rng(1).exponential(150.0, len(X))
    first = np.fmin(whole.event_days, other)
    event = np.where(whole.event_days <= other, whole.event_days, np.nan)
    observed = np.where(np.isnan(event) & (other <= whole.observed_days), first, whole.observed_days)
    model = fitted(X, Durations(event, observed), dates, customer, **WELL)
    assert mean_risk(model, X, [90.0])[:, 0] == pytest.approx(1 - np.exp([-0.18, -0.72]), abs=0.03)


def test_what_moves_by_itself_moves_the_hazard():
    draw = np.random.default_rng(0)
    age = draw.uniform(0.0, 300.0, 8_000)
    # Nobody leaves before day 200 of the contract; then one in fifty a day.
    left = np.maximum(200.0 - age, 0.0) + draw.exponential(50.0, age.size)
    durations = Durations(np.where(left <= 365.0, left, np.nan), np.full(age.size, 365.0))
    X = age[:, None].astype(np.float32)
    model = HazardModel(horizon_days=80.0).fit(X, durations, dates=np.zeros(age.size), advancing={0: 1})
    early, late = model.risk(np.array([[100.0], [190.0]], np.float32), [80.0])[:, 0]
    assert early < 0.1
    assert late == pytest.approx(1 - np.exp(-70 / 50), abs=0.12)


@pytest.mark.parametrize("yearly", [-1.2, 1.2])
def test_the_level_follows_a_drift_without_overshooting(yearly):
    X, durations, dates, customer = company(n=6_000, n_dates=24, end=720.0, yearly=yearly, rates=(0.001, 0.003))
    X = X[:, :2]  # the trees do not see the date
    model = fitted(X, durations, dates, customer, half_life_days=None)
    rate = np.array([0.001, 0.003]) * np.exp(yearly * (720.0 + 45.0) / 365.0)
    true = 1 - np.exp(-90.0 * rate)
    found = model.risk(PLANS[:, :2], [90.0])[:, 0]
    events = np.nan_to_num(durations.event_days, nan=np.inf) <= 90.0
    whole = durations.observed_days >= 90.0
    pooled = np.array([events[whole & (X[:, 0] == plan)].mean() for plan in (0, 1)])
    assert np.all(np.abs(np.log(found / true)) < 0.6 * np.abs(np.log(pooled / true)))


def test_periods_and_calendar_of_one_date_are_told_apart_in_favour_of_the_periods():
    draw = np.random.default_rng(0)
    period = np.repeat(np.arange(4), 5_000)
    y = (draw.random(period.size) < np.array([0.1, 0.2, 0.3, 0.4])[period]).astype(float)
    periods, calendar = period_and_calendar(period, 3 - period, y)
    assert 1 / (1 + np.exp(-periods)) == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.03)
    assert np.abs(calendar).max() < 0.01


def test_one_bad_quarter_with_many_rows_does_not_set_the_level():
    level = np.array([0.0, 0.1, -0.1, 0.0, 1.5, 0.0, -0.1, 0.1, 0.0])
    error = np.array([0.1, 0.1, 0.1, 0.1, 0.01, 0.1, 0.1, 0.1, 0.1])
    assert abs(expected_level(level, error, horizon_bins=4)) < 0.25


def test_a_level_known_from_few_events_counts_for_little():
    known, unknown = np.array([0.0] * 8), np.array([2.0] + [0.0] * 7)
    error = np.array([1.5] + [0.1] * 7)
    apart = expected_level(unknown, error, horizon_bins=4) - expected_level(known, error, horizon_bins=4)
    assert 0.0 < apart < 0.5


def test_a_steady_trend_is_followed_and_noise_is_averaged():
    error = np.full(16, 0.05)
    trend = expected_level(np.arange(16) * 0.2, error, horizon_bins=4)
    noise = expected_level(np.where(np.arange(16) % 2, 1.0, 2.0), error, horizon_bins=4)
    assert -0.6 < trend < 0.9
    assert noise == pytest.approx(1.5, abs=0.05)


def test_trees_stopped_early_are_stretched_to_what_later_periods_show():
    X, *rest = company(n=16_000)
    early = fitted(X, *rest, max_rounds=40)
    assert early.slope_ > 1.1
    assert early.risk(PLANS, [90.0])[:, 0] == pytest.approx(1 - np.exp([-0.18, -0.72]), abs=0.06)


def test_a_state_rebuilds_the_model_exactly():
    X, *rest = company(n=1_000, n_dates=3)
    model = HazardModel(horizon_days=60.0, **FEW).fit(
        X, rest[0], dates=rest[1], groups=rest[2], advancing={2: 1}, categorical=[0]
    )
    booster = lgb.Booster(model_str=booster_text(model.booster_))
    again = HazardModel.from_state(booster, json.loads(json.dumps(model.state())), threads=1)
    days = [7.0, 60.0, 500.0]
    assert np.array_equal(again.risk(X, days), model.risk(X, days))
    assert np.array_equal(again.contact_by(X), model.contact_by(X))


def test_threads_and_reruns_give_the_same_bytes():
    X, *rest = company(n=1_000, n_dates=3)
    made = {(booster_text(m.booster_), json.dumps(m.state())) for m in (fitted(X, *rest, threads=k) for k in (1, 2, 1))}
    assert len(made) == 1


def test_shuffled_rows_give_the_same_model_once_sorted():
    X, durations, dates, customer = company(n=1_000, n_dates=3)
    order = np.random.default_rng(0).permutation(len(X))
    order = order[np.lexsort((customer[order], dates[order]))]
    shuffled = Durations(durations.event_days[order], durations.observed_days[order])
    one, two = fitted(X, durations, dates, customer), fitted(X[order], shuffled, dates[order], customer[order])
    assert booster_text(one.booster_) == booster_text(two.booster_)


def test_rows_beyond_the_limit_go_by_whole_customers():
    X, durations, dates, customer = company(n=12_000, n_dates=2)
    model = fitted(X, durations, dates, customer, max_rows=20_000, **WELL)
    assert mean_risk(model, X, [90.0])[:, 0] == pytest.approx(1 - np.exp([-0.18, -0.72]), abs=0.05)


def test_contact_by_is_when_half_of_the_risk_has_come():
    X, *rest = company(n=2_000, n_dates=2)
    model = fitted(X, *rest)
    by = model.contact_by(X[:5], share=0.5)
    halfway = [model.risk(X[i : i + 1], [day])[0, 0] for i, day in enumerate(by)]
    assert halfway == pytest.approx(0.5 * model.predict_proba(X[:5]), rel=1e-6)
    with pytest.raises(ValueError, match=r"share must be in \(0, 1\]"):
        model.contact_by(X, share=0.0)


def test_no_events_are_refused_with_counts():
    n = 300
    durations = Durations(np.full(n, np.nan), np.full(n, 200.0))
    with pytest.raises(DataError, match=r"0 periods with an event and \d+ without, from 300 snapshots") as caught:
        HazardModel().fit(np.ones((n, 2), np.float32), durations, dates=np.zeros(n))
    assert (caught.value.rule, caught.value.count, caught.value.exit_code) == ("data.no_events", 0, 3)


@pytest.mark.parametrize(("n_events", "rule"), [(19, "data.too_few_events"), (1, "data.too_few_events")])
def test_too_few_events_are_refused(n_events, rule):
    event = np.where(np.arange(300) < n_events, 10.0, np.nan)
    with pytest.raises(DataError, match="at least 20 of each are needed") as caught:
        HazardModel().fit(np.ones((300, 2), np.float32), Durations(event, np.full(300, 200.0)), dates=np.zeros(300))
    assert (caught.value.rule, caught.value.count) == (rule, n_events)


def test_nothing_observed_is_refused():
    nothing = Durations(np.full(300, np.nan), np.full(300, np.nan))
    with pytest.raises(DataError, match="from 0 snapshots"):
        HazardModel().fit(np.ones((300, 2), np.float32), nothing, dates=np.zeros(300))


@pytest.mark.parametrize(("event", "observed"), [(-1.0, 5.0), (6.0, 5.0), (np.inf, np.inf), (2.0, np.nan)])
def test_impossible_durations_are_refused(event, observed):
    X, durations, dates, customer = company(n=200)
    durations.event_days[3], durations.observed_days[3] = event, observed
    with pytest.raises(DataError, match="negative, infinite or longer") as caught:
        fitted(X, durations, dates, customer)
    assert caught.value.count == 1


def test_another_number_of_features_is_refused():
    X, *rest = company(n=500)
    model = fitted(X, *rest, max_rounds=5)
    with pytest.raises(ModelError, match="2 features where the model has 3"):
        model.survival(X[:, 1:], [30.0])


def test_monotone_constraints_name_features_only():
    X, *rest = company(n=1_000)
    model = fitted(X, *rest, overrides={"monotone_constraints": [0, 1, 0]})
    grid = np.column_stack([np.zeros(50), np.linspace(-3, 3, 50), np.zeros(50)]).astype(np.float32)
    assert np.all(np.diff(model.predict_proba(grid)) >= 0.0)


def test_parameters_can_be_read_and_set():
    model = HazardModel(seed=3).set_params(threads=2)
    assert (model.get_params()["seed"], model.get_params()["threads"]) == (3, 2)


def test_tl_21_durations_as_known_on_an_earlier_day():
    whole = Durations(np.array([5.0, 40.0, np.nan, 1.0]), np.array([90.0, 60.0, 60.0, 30.0]))
    then = whole.known_on(100.0, dates=np.array([50.0, 70.0, 90.0, 98.0]), lead_days=2.0, settle_days=3.0)
    np.testing.assert_array_equal(then.event_days, [5.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(then.observed_days, [45.0, 25.0, 5.0, np.nan])


def test_a_model_of_what_was_known_then_learns_nothing_from_later():
    X, durations, dates, customer = company(n=1_500, n_dates=8)
    then = durations.known_on(200.0, dates=dates)
    flipped = np.where(dates + durations.event_days > 200.0, np.nan, durations.event_days)
    later = Durations(flipped, durations.observed_days).known_on(200.0, dates=dates)
    one, two = fitted(X, then, dates, customer), fitted(X, later, dates, customer)
    assert booster_text(one.booster_) == booster_text(two.booster_)
    assert one.state() == two.state()


def test_periods_are_four_to_the_horizon_and_longer_after_it():
    durations = Durations(np.tile(np.arange(1.0, 401.0), 20), np.full(8_000, 400.0))
    edges = period_edges(durations, horizon_days=40.0)
    assert edges[:5].tolist() == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert np.all(np.diff(edges)[4:] > np.diff(edges)[3:-1])
    assert 5 < len(edges) - 1 <= 12


def test_periods_end_where_there_are_no_events_to_learn_from():
    durations = Durations(np.tile(np.arange(1.0, 41.0), 20), np.full(800, 400.0))
    assert period_edges(durations, horizon_days=40.0)[-1] == 40.0


def test_a_period_that_was_not_observed_to_its_end_is_left_out():
    durations = Durations(np.array([5.0, np.nan, 12.0, np.nan]), np.array([30.0, 15.0, 14.0, 9.0]))
    stacked = stack_periods(durations, np.array([0.0, 10.0, 20.0]))
    rows = list(zip(stacked.row, stacked.period, stacked.is_event, strict=True))
    assert rows == [(0, 0, 1.0), (1, 0, 0.0), (2, 0, 0.0)]


def test_ages_advance_and_days_to_a_planned_end_shrink():
    names = ["orders_tenure_days", "orders_recency_days", "plans_to_planned_end_days", "orders_gap_mean_days"]
    assert advancing_columns(names) == {0: 1, 2: -1}


def test_curves_inside_periods_and_beyond_the_last():
    curves = SurvivalCurves(np.array([0.0, 10.0, 30.0]), np.array([[0.19, 0.36]]))
    assert curves.at([0.0, 5.0, 10.0, 20.0, 50.0])[0] == pytest.approx([1.0, 0.9, 0.81, 0.648, 0.81 * 0.64**2])
    fine = np.linspace(0.0, 50.0, 20_001)
    assert curves.restricted_mean(50.0)[0] == pytest.approx(np.trapezoid(curves.at(fine)[0], fine), rel=1e-6)
