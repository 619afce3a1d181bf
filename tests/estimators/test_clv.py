import json

import lightgbm as lgb
import numpy as np
import pytest
from feature_tables import feature_table

from churnml.errors import DataError, ModelError
from churnml.estimators.boosting import booster_text
from churnml.estimators.clv import ValueRegressor, value_roles
from churnml.estimators.matrix import spec_of, to_matrix
from churnml.metrics import normalised_gini_score


def _data(*, n_customers=800, n_dates=2, seed=0):
    table, _, _, value = feature_table(n_customers=n_customers, n_dates=n_dates, seed=seed)
    return to_matrix(table, spec_of(table)), value


def test_orders_new_customers_and_hits_the_total():
    X, y = _data(n_customers=2_000)
    model = ValueRegressor(max_rounds=150).fit(X, y)
    X_new, y_new = _data(n_customers=4_000, n_dates=1, seed=1)
    value = model.predict(X_new)
    assert normalised_gini_score(y_new, value) > 0.4
    assert value.sum() == pytest.approx(y_new.sum(), rel=0.1)


def test_interval_covers_as_stated_where_values_are_continuous():
    draw = np.random.default_rng(0)
    X = draw.normal(size=(6_000, 3)).astype(np.float32)
    y = np.exp(X[:, 0]) * draw.gamma(3.0, 1.0, 6_000)
    model = ValueRegressor(max_rounds=100).fit(X[:3_000], y[:3_000])
    _, low, high = model.forecast(X[3_000:])
    covered = (low <= y[3_000:]) & (y[3_000:] <= high)
    assert covered.mean() == pytest.approx(0.8, abs=0.03)
    top = X[3_000:, 0] > 1.0
    assert covered[top].mean() == pytest.approx(0.8, abs=0.07)


def test_the_forecast_lies_in_its_interval():
    X, y = _data()
    value, low, high = ValueRegressor(max_rounds=20).fit(X, y).forecast(X)
    assert (low <= value).all()
    assert (value <= high).all()
    assert (low >= 0).all()


def test_refunds_lower_the_level_and_the_lower_end():
    X, y = _data()
    refunded = np.where(np.arange(y.size) % 4 == 0, -0.5 * y.mean(), y)
    plain, lowered = (ValueRegressor(max_rounds=20).fit(X, t) for t in (np.maximum(refunded, 0), refunded))
    assert lowered.predict(X).sum() == pytest.approx(refunded.sum(), rel=0.1)
    assert lowered.predict(X).sum() < plain.predict(X).sum()
    assert lowered.forecast(X).low.min() < 0


def test_the_level_is_that_of_the_newest_rows():
    X, y = _data(n_customers=2_000)
    newest = np.arange(y.size) >= 2_000
    moved = np.where(newest, 2.0 * y, y)
    model = ValueRegressor(max_rounds=20).fit(X, moved, valid=newest)
    assert model.predict(X[newest]).sum() == pytest.approx(moved[newest].sum(), rel=0.1)


def test_the_currency_does_not_matter():
    X, y = _data()
    euro, cent = (ValueRegressor(max_rounds=20).fit(X, k * y).predict(X) for k in (1.0, 128.0))
    np.testing.assert_allclose(cent, 128.0 * euro, rtol=1e-4)


def test_a_longer_horizon_scales_value_and_interval():
    X, y = _data()
    model = ValueRegressor(max_rounds=20).fit(X, y)
    factor = np.linspace(1.0, 3.0, X.shape[0])
    for longer, labelled in zip(model.forecast(X, horizon_factor=factor), model.forecast(X), strict=True):
        np.testing.assert_allclose(longer, factor * labelled)


def test_counts_are_a_measure_too():
    X, y = _data()
    model = ValueRegressor(measure="count", max_rounds=30).fit(X, np.rint(y / 30.0))
    assert model.settings_["tweedie_variance_power"] < 1.5
    assert model.predict(X).mean() == pytest.approx(np.rint(y / 30.0).mean(), rel=0.1)


def test_threads_give_the_same_bytes():
    X, y = _data()
    one, two = (ValueRegressor(threads=k, max_rounds=20).fit(X, y, roles={"expected": 3}) for k in (1, 2))
    assert one.state() == two.state()
    texts = [{name: booster_text(booster) for name, booster in m.boosters().items()} for m in (one, two)]
    assert texts[0] == texts[1]


def test_a_constant_target_is_refused():
    with pytest.raises(DataError, match="every value is the same") as caught:
        ValueRegressor().fit(np.ones((50, 1), np.float32), np.full(50, 3.0))
    assert caught.value.rule == "data.constant_target"


def test_too_few_customers_with_value_are_refused():
    y = np.where(np.arange(300) < 5, 10.0, 0.0)
    with pytest.raises(DataError, match="5 rows with a positive value"):
        ValueRegressor().fit(np.ones((300, 1), np.float32), y)


def test_another_number_of_features_is_refused():
    X, y = _data()
    model = ValueRegressor(max_rounds=5).fit(X, y)
    with pytest.raises(ModelError, match="features, but ValueRegressor is expecting 9"):
        model.predict(X[:, 1:])


def _with_expected(*, n=3_000, seed=0):
    """Return features of which one is the true mean for a year, another that for three."""
    draw = np.random.default_rng(seed)
    mean = draw.gamma(0.5, 40.0, n)
    X = np.column_stack([draw.normal(size=(n, 4)), mean, 2.5 * mean]).astype(np.float32)
    y = np.where(draw.random(n) < 0.4, 0.0, mean * draw.gamma(1.0, 1.0 / 0.6, n))
    return X, y


def test_an_expectation_that_is_right_is_made_use_of():
    (X, y), (X_new, y_new) = _with_expected(n=1_000), _with_expected(n=8_000, seed=1)
    plain, told = (ValueRegressor(max_rounds=100).fit(X, y, roles=roles) for roles in ({}, {"expected": 4}))
    assert {"expected", "offset"} & set(told.weights_)
    scores = [normalised_gini_score(y_new, model.predict(X_new)) for model in (plain, told)]
    assert scores[1] >= scores[0]


def test_an_expectation_that_says_nothing_has_no_weight():
    X, y = _with_expected()
    X[:, 0] = np.abs(X[:, 0])
    assert "expected" not in ValueRegressor(max_rounds=50).fit(X, y, roles={"expected": 0}).weights_


def test_a_longer_horizon_is_carried_by_the_expectations():
    X, y = _with_expected()
    model = ValueRegressor(max_rounds=20).fit(X, y, roles={"expected": 4, "expected_far": 5})
    np.testing.assert_allclose(model.predict(X), 2.5 * model.predict(X, horizon_factor=1.0), rtol=1e-5)


def test_large_tables_grow_one_booster(monkeypatch):
    monkeypatch.setattr("churnml.estimators.value_parts.FEW_PARTS_FROM_ROWS", 1_000)
    X, y = _with_expected()
    model = ValueRegressor(max_rounds=20).fit(X, y, roles={"expected": 4})
    assert set(model.boosters()) == {"main"}
    assert set(model.weights_) <= {"tweedie", "expected"}


def test_plain_values_and_texts_and_back():
    X, y = _with_expected()
    model = ValueRegressor(max_rounds=30).fit(X, y, roles={"expected": 4, "expected_far": 5})
    state = json.loads(json.dumps(model.state()))
    texts = {name: lgb.Booster(model_str=booster_text(booster)) for name, booster in model.boosters().items()}
    again = ValueRegressor.from_state(texts, state, threads=1)
    for mine, read in zip(model.forecast(X), again.forecast(X), strict=True):
        np.testing.assert_array_equal(read, mine)


def test_only_boosters_with_a_weight_are_kept():
    X, y = _data()
    model = ValueRegressor(max_rounds=20).fit(X, y)
    used = {part for name in model.weights_ for part in (("any", "size") if name == "two" else (name,))}
    assert set(model.others_) == used - {"tweedie"}
    assert sum(model.weights_.values()) == pytest.approx(1.0)


def test_a_customer_without_expectation_has_a_forecast():
    X, y = _with_expected()
    model = ValueRegressor(max_rounds=20).fit(X, y, roles={"expected": 4})
    X[:5, 4] = np.nan
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize(
    ("asked", "roles"),
    [(90.0, {"expected": 1}), (365.0, {"expected": 1, "expected_far": 3}), (180.0, {"expected": 1})],
)
def test_expectations_are_found_by_name(asked, roles):
    names = ["a", "orders_expected_value_90d", "orders_expected_purchases_90d", "orders_expected_value_365d"]
    found = value_roles(names, source="orders", measure="amount", horizon_days=90.0, asked_days=asked)
    assert found == roles


def test_names_that_are_no_expectation_give_no_roles():
    names = ["orders_expected_value_share", "visits_expected_value_90d", "orders_expected_spend"]
    assert value_roles(names, source="orders", measure="amount", horizon_days=90.0, asked_days=90.0) == {}
