import numpy as np
import pytest
from feature_tables import feature_table

from churnml.errors import DataError, ModelError
from churnml.estimators.boosting import booster_text
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import spec_of, to_matrix
from churnml.metrics import calibration_line, roc_auc_score

SMALL = {"max_rounds": 40}


def _data(*, n_customers=400, n_dates=2, seed=0):
    table, p, y, _ = feature_table(n_customers=n_customers, n_dates=n_dates, seed=seed)
    spec = spec_of(table)
    return to_matrix(table, spec), y, p, spec


def test_ranks_and_calibrates_new_customers():
    X, y, _, spec = _data(n_customers=2_000, n_dates=1)
    model = ChurnClassifier().fit(X, y, categorical=spec.categorical)
    X_new, y_new, p_true, _ = _data(n_customers=4_000, n_dates=1, seed=1)
    p = model.churn_probability(X_new)
    assert roc_auc_score(y_new, p) > roc_auc_score(y_new, p_true) - 0.02
    assert calibration_line(y_new, p).slope == pytest.approx(1.0, abs=0.15)
    assert p.mean() == pytest.approx(y_new.mean(), abs=0.03)


def test_threads_and_reruns_give_the_same_bytes():
    X, y, _, spec = _data()
    texts = {
        booster_text(ChurnClassifier(threads=k, **SMALL).fit(X, y, categorical=spec.categorical).booster_)
        for k in (1, 2, 1)
    }
    assert len(texts) == 1


def test_another_seed_gives_another_model():
    X, y, _, _ = _data()
    one, two = (ChurnClassifier(seed=s, **SMALL).fit(X, y).churn_probability(X) for s in (1, 2))
    assert not np.array_equal(one, two)


def test_calibration_follows_the_validation_rows():
    X, y, _, _ = _data(n_customers=1_500)
    valid = np.arange(y.size) >= 1_500
    lower = np.where(valid & (np.arange(y.size) % 2 == 0), 0, y)
    usual, fewer = (ChurnClassifier(**SMALL).fit(X, t, valid=valid).churn_probability(X).mean() for t in (y, lower))
    assert fewer < 0.75 * usual


def test_a_validation_set_without_churners_is_replaced_by_customers_held_out():
    X, y, _, _ = _data()
    valid = np.zeros(y.size, dtype=bool)
    valid[np.flatnonzero(y == 0)[:50]] = True
    model = ChurnClassifier(**SMALL).fit(X, y, valid=valid)
    assert model.churn_probability(X).mean() == pytest.approx(y.mean(), abs=0.05)


def test_one_class_is_refused_with_counts():
    with pytest.raises(DataError, match="only one class to learn from: 0 churned and 300 stayed") as caught:
        ChurnClassifier().fit(np.ones((300, 2), np.float32), np.zeros(300))
    assert (caught.value.rule, caught.value.exit_code) == ("data.one_class", 3)


@pytest.mark.parametrize("n_churned", [1, 19])
def test_too_few_churners_are_refused(n_churned):
    X, y = np.ones((300, 2), np.float32), (np.arange(300) < n_churned).astype(int)
    with pytest.raises(DataError, match="at least 20 of each"):
        ChurnClassifier().fit(X, y)


def test_twenty_churners_are_enough():
    X, _, p, _ = _data(n_customers=300, n_dates=1)
    y = np.zeros(300)
    y[np.argsort(-p)[:20]] = 1
    predicted = ChurnClassifier(**SMALL).fit(X, y).churn_probability(X)
    assert roc_auc_score(y, predicted) > 0.7
    assert predicted.mean() == pytest.approx(20 / 300, abs=0.03)


@pytest.mark.parametrize("odd", [2.0, -1.0, 0.5])
def test_labels_other_than_0_and_1_are_refused(odd):
    X, y, _, _ = _data()
    with pytest.raises(DataError, match="labels other than 0 and 1"):
        ChurnClassifier().fit(X, np.where(np.arange(y.size) == 3, odd, y))


def test_another_number_of_features_is_refused():
    X, y, _, _ = _data()
    model = ChurnClassifier(max_rounds=5).fit(X, y)
    with pytest.raises(ModelError, match="X has 8 features, but ChurnClassifier is expecting 9"):
        model.churn_probability(X[:, 1:])


def test_parameters_can_be_read_and_set():
    model = ChurnClassifier(seed=3).set_params(threads=2)
    assert (model.get_params()["seed"], model.get_params()["threads"]) == (3, 2)
