import numpy as np
import pyarrow as pa
import pytest
from feature_tables import ROLES, feature_table

from churnml.estimators.baselines import ChurnRule, FormulaBaseline, ValueRule, churn_baselines, value_baselines
from churnml.estimators.matrix import spec_of
from churnml.metrics import normalised_gini_score, roc_auc_score

TABLE, P, CHURNED, VALUE = feature_table(n_customers=500, n_dates=2)


def _churn(roles=ROLES):
    return churn_baselines(roles, TABLE.column_names, spec=spec_of(TABLE), horizon_days=90.0, seed=1)


def _value(roles=ROLES):
    return value_baselines(roles, TABLE.column_names, horizon_days=90.0, seed=1)


def _named(rules, name):
    return next(rule for rule in rules if rule.name == name)


@pytest.mark.parametrize("rule", _churn()[0], ids=lambda rule: rule.name)
def test_churn_rules_rank_better_than_chance_and_are_calibrated(rule):
    p = rule.fit(TABLE, CHURNED.astype(float)).predict(TABLE)
    assert roc_auc_score(CHURNED, p) > 0.6
    assert p.mean() == pytest.approx(CHURNED.mean(), abs=0.02)


@pytest.mark.parametrize("rule", _value()[0], ids=lambda rule: rule.name)
def test_value_rules_order_customers_and_meet_the_total(rule):
    value = rule.fit(TABLE, VALUE).predict(TABLE)
    assert normalised_gini_score(VALUE, value) > 0.3
    assert value.sum() == pytest.approx(VALUE.sum())


def test_rules_without_their_columns_are_named():
    rules, absent = _churn({"recency": "nowhere", "x": "orders_btyd_x"})
    assert [rule.name for rule in rules] == ["logistic"]
    assert absent["recency"] == "no column for recency"
    assert absent["bgnbd"] == "no column for t_x, T"


def test_calibration_keeps_the_order_of_the_rule():
    p = ChurnRule("recency", "orders_recency_days", 1).fit(TABLE, CHURNED.astype(float)).predict(TABLE)
    silence = TABLE.column("orders_recency_days").to_numpy()
    assert roc_auc_score(CHURNED, p) == roc_auc_score(CHURNED, silence)


def test_never_bought_counts_as_the_longest_silence():
    table = pa.table({"r": pa.array([1.0, 5.0, None] * 20, pa.float32())})
    p = ChurnRule("recency", "r", 1, missing_is_most=True).fit(table, np.array([0.0, 1.0, 1.0] * 20)).predict(table)
    assert p[0] < p[1] < p[2]


@pytest.mark.parametrize("y", [[0.0, 1.0], [1.0, 0.0]])
def test_a_free_rule_learns_its_direction(y):
    table = pa.table({"tenure": [1.0, 2.0] * 40})
    p = ChurnRule("tenure", "tenure", 0).fit(table, np.array(y * 40)).predict(table)
    assert np.sign(p[1] - p[0]) == np.sign(y[1] - y[0])


def test_customers_who_never_bought_have_no_value_and_most_risk():
    holes = {name: pa.array([None, *TABLE.column(name).to_pylist()[1:]], pa.float32()) for name in ROLES.values()}
    rest = {name: TABLE.column(name) for name in TABLE.column_names if name not in holes}
    table = pa.table({**rest, **holes})
    bgnbd = next(rule for rule in _churn()[0] if rule.name == "bgnbd").fit(table, CHURNED.astype(float))
    gamma = _named(_value()[0], "bgnbd_gamma_gamma").fit(table, VALUE)
    assert gamma.predict(table)[0] == 0.0
    assert bgnbd.predict(table)[0] == bgnbd.predict(table).max()


def test_purchases_count_where_no_spend_is_known():
    roles = {role: name for role, name in ROLES.items() if role != "mean_spend"}
    rule = _named(_value(roles)[0], "bgnbd_gamma_gamma").fit(TABLE, VALUE)
    assert rule.spend_ is None


def test_a_total_of_refunds_expects_nothing():
    rule = ValueRule("last_spend", "a").fit(pa.table({"a": [1.0, 2.0]}), np.array([-5.0, 1.0]))
    assert rule.predict(pa.table({"a": [3.0]})).tolist() == [0.0]


def test_the_formula_is_spend_a_month_times_months_times_retention():
    # Ten purchases of 20 within ten months, and one of 60 yesterday: 20 and 60 a month; half of the rows came back.
    month = 365.0 / 12.0
    table = pa.table({"x": [9.0, 0.0], "T": [10 * month, 1.0], "m": [20.0, 60.0]})
    rule = FormulaBaseline({"x": "x", "T": "T", "mean_spend": "m"}, 3 * month).fit(table, np.array([60.0, 0.0]))
    assert rule.retention_ == 0.5
    assert rule.level_ == pytest.approx(60.0 / (20.0 * 3 * 0.5 + 60.0 * 3 * 0.5))
    assert rule.predict(table) / rule.level_ == pytest.approx([30.0, 90.0])


def test_the_formula_expects_nothing_of_who_never_bought():
    table = pa.table({"x": [1.0, None], "T": [100.0, None], "m": [20.0, None]})
    rule = FormulaBaseline({"x": "x", "T": "T", "mean_spend": "m"}, 90.0).fit(table, np.array([10.0, 0.0]))
    assert rule.predict(table).tolist() == pytest.approx([10.0, 0.0])


def test_plain_trees_see_recency_frequency_money_and_tenure_alone():
    rules = [_named(found[0], "rfm_lightgbm") for found in (_churn(), _value())]
    columns = ["orders_recency_days", "orders_count_365d", "orders_amount_sum_90d"]
    assert [rule.columns for rule in rules] == [columns, columns]
    fitted = [rule.fit(TABLE, y) for rule, y in zip(rules, (CHURNED.astype(float), VALUE), strict=True)]
    assert [rule.booster_.num_trees() for rule in fitted] == [100, 100]
    assert all(rule.predict(TABLE).min() >= 0.0 for rule in fitted)


def test_plain_trees_do_without_money_where_there_is_none():
    roles = {role: name for role, name in ROLES.items() if role != "spend"}
    assert _named(_churn(roles)[0], "rfm_lightgbm").columns == ["orders_recency_days", "orders_count_365d"]
    assert "rfm_lightgbm" in _churn({"frequency": "orders_count_365d"})[1]
