import numpy as np
import pytest
from feature_tables import feature_table

from churnml.errors import DataError, ModelError
from churnml.estimators.boosting import booster_text
from churnml.estimators.clv import ValueRegressor
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
    assert lowered.level_ < plain.level_
    assert lowered.forecast(X).low.min() < 0


def test_level_follows_the_validation_rows():
    X, y = _data()
    valid = np.arange(y.size) >= 800
    usual, doubled = (
        ValueRegressor(max_rounds=20).fit(X, np.where(valid, k * y, y), valid=valid).level_ for k in (1.0, 2.0)
    )
    assert doubled == pytest.approx(2.0 * usual, rel=0.1)


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
    texts = {booster_text(ValueRegressor(threads=k, max_rounds=20).fit(X, y).booster_) for k in (1, 2)}
    assert len(texts) == 1


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
    with pytest.raises(ModelError, match="features where the model has 9"):
        model.predict(X[:, 1:])
