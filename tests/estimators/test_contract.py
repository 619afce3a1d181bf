"""scikit-learn's own checks on each estimator, and what it promises that those do not ask."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from churnml.errors import DataError, ModelError
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.clv import ValueRegressor
from churnml.estimators.inputs import matrix_to_learn

# The checks learn from as few as seven rows of a class, where the usual least is 20: refused by default, on purpose.
ESTIMATORS = [ChurnClassifier(min_rows_of_class=1), ValueRegressor(min_rows_with_value=1)]
EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a weight of two is not a row twice: the smallest leaf, the size of the trees, the folds and the rows drawn "
        "for each tree count rows, as LightGBM does"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda model: type(model).__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:Line search of Newton solver:sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_finds_nothing_that_is_not_named_here(estimator):
    results = check_estimator(estimator, expected_failed_checks=EXPECTED_TO_FAIL, on_skip=None)
    assert len(results) > 50
    assert {one["check_name"] for one in results if one["status"] == "xfail"} == set(EXPECTED_TO_FAIL)


def _rows(n=120, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(np.int64)


def test_probabilities_of_both_classes_stand_side_by_side():
    X, y = _rows()
    model = ChurnClassifier(max_rounds=5).fit(X, y)
    p = model.predict_proba(X)
    np.testing.assert_array_equal(p[:, 1], model.churn_probability(X))
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))


def test_of_two_other_labels_the_greater_one_means_churned():
    X, y = _rows()
    usual = ChurnClassifier(max_rounds=5).fit(X, y)
    other = ChurnClassifier(max_rounds=5).fit(X, np.where(y == 1, "stayed not", "stayed"))
    np.testing.assert_array_equal(usual.churn_probability(X), other.churn_probability(X))
    assert other.classes_.tolist() == ["stayed", "stayed not"]
    with pytest.raises(ModelError, match="cannot be stored"):
        other.state()


def test_a_single_class_that_is_0_or_1_keeps_its_meaning():
    X, _ = _rows()
    with pytest.raises(DataError, match="only one class to learn from: 120 churned and 0 stayed"):
        ChurnClassifier().fit(X, np.ones(120))


@pytest.mark.parametrize("model", [ChurnClassifier(), ValueRegressor()])
def test_a_model_that_has_not_learned_says_so(model):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(_rows()[0])


@pytest.mark.parametrize("model", [ChurnClassifier(seed=7, threads=2), ValueRegressor(measure="count", max_rounds=9)])
def test_a_clone_has_the_same_parameters(model):
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("model", [ChurnClassifier(max_rounds=5), ValueRegressor(max_rounds=5)])
@pytest.mark.parametrize("odd", [-1.0, np.nan, np.inf])
def test_odd_weights_are_refused(model, odd):
    X, y = _rows()
    weight = np.ones(y.size)
    weight[[3, 4]] = odd
    with pytest.raises(DataError, match="weights that are no numbers from 0") as caught:
        clone(model).fit(X, y, sample_weight=weight)
    assert caught.value.count == 2


@pytest.mark.parametrize("model", [ChurnClassifier(), ValueRegressor()])
def test_infinite_features_are_refused(model):
    X, y = _rows()
    X[5, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        clone(model).fit(X, y)


def test_a_matrix_of_floats_is_taken_as_it_is():
    X, y = _rows()
    X[0, 0] = np.nan
    assert np.shares_memory(matrix_to_learn(ChurnClassifier(), X, y), X)


def test_words_of_a_value_are_not_repeated_in_the_refusal():
    X, _ = _rows()
    with pytest.raises(DataError, match="outcomes that are no numbers") as caught:
        ValueRegressor().fit(X, ["4711 Euro"] * 120)
    assert "4711" not in str(caught.value)
