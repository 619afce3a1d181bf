import numpy as np
import pyarrow as pa
import pytest
from feature_tables import ROLES, feature_table

from churnml.estimators.baselines import ChurnRule, ValueRule, churn_baselines, value_baselines
from churnml.estimators.matrix import spec_of
from churnml.metrics import normalised_gini_score, roc_auc_score

TABLE, P, CHURNED, VALUE = feature_table(n_customers=500, n_dates=2)


def _churn(roles=ROLES):
    return churn_baselines(roles, TABLE.column_names, spec=spec_of(TABLE), horizon_days=90.0, seed=1)


@pytest.mark.parametrize("rule", _churn()[0], ids=lambda rule: rule.name)
def test_churn_rules_rank_better_than_chance_and_are_calibrated(rule):
    p = rule.fit(TABLE, CHURNED.astype(float)).predict(TABLE)
    assert roc_auc_score(CHURNED, p) > 0.6
    assert p.mean() == pytest.approx(CHURNED.mean(), abs=0.02)


@pytest.mark.parametrize("rule", value_baselines(ROLES, TABLE.column_names, horizon_days=90.0)[0], ids=lambda r: r.name)
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
    gamma = value_baselines(ROLES, TABLE.column_names, horizon_days=90.0)[0][-1].fit(table, VALUE)
    assert gamma.predict(table)[0] == 0.0
    assert bgnbd.predict(table)[0] == bgnbd.predict(table).max()


def test_purchases_count_where_no_spend_is_known():
    roles = {role: name for role, name in ROLES.items() if role != "mean_spend"}
    rule = value_baselines(roles, TABLE.column_names, horizon_days=90.0)[0][-1].fit(TABLE, VALUE)
    assert rule.spend_ is None


def test_a_total_of_refunds_expects_nothing():
    rule = ValueRule("last_spend", "a").fit(pa.table({"a": [1.0, 2.0]}), np.array([-5.0, 1.0]))
    assert rule.predict(pa.table({"a": [3.0]})).tolist() == [0.0]
