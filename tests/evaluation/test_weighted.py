import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml import metrics
from churnml.evaluation import weighted

TOP = 0.3
CASES = {
    "roc_auc": (weighted.roc_auc, metrics.roc_auc_score),
    "average_precision": (weighted.average_precision, metrics.average_precision_score),
    "capture": (
        lambda y, p: weighted.capture(y, p, fraction=TOP),
        lambda y, p: metrics.capture_score(y, p, fraction=TOP),
    ),
    "lift": (lambda y, p: weighted.lift(y, p, fraction=TOP), lambda y, p: metrics.lift_score(y, p, fraction=TOP)),
    "log_loss": (weighted.WEIGHTED["log_loss"], metrics.log_loss),
    "brier": (weighted.WEIGHTED["brier"], metrics.brier_loss),
    "total_ratio": (weighted.ratio, metrics.total_ratio),
}
OF_VALUE = {
    "normalised_gini": (weighted.normalised_gini, metrics.normalised_gini_score),
    "mean_absolute_error": (weighted.WEIGHTED["mean_absolute_error"], metrics.mean_absolute_loss),
    "total_ratio": (weighted.ratio, metrics.total_ratio),
    "top_share": (
        lambda y, v: weighted.capture(y, v, fraction=TOP),
        lambda y, v: metrics.top_share_score(y, v, fraction=TOP),
    ),
}


def assert_as_repeated_rows(job, rated, y, p, weights):
    """Compare with the plain metric on a table in which each row stands as often as it weighs."""
    often = np.repeat(np.arange(y.size), weights)
    (found,) = job(y, p)(weights[None].astype(float))
    try:
        expected = rated(y[often], p[often])
    except ValueError:
        return
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_weight_of_two_is_the_row_twice(name, data):
    n = data.draw(st.integers(2, 30))
    draw = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    # Few distinct scores: ties within and at the edge of the list.
    y, p = draw.integers(0, 2, n).astype(float), draw.integers(1, 10, n) / 10
    assert_as_repeated_rows(*CASES[name], y, p, draw.integers(0, 4, n))


@pytest.mark.parametrize("name", OF_VALUE)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_weight_of_two_is_the_row_twice_for_value_too(name, data):
    n = data.draw(st.integers(2, 30))
    draw = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    y, v = draw.integers(0, 5, n).astype(float), draw.integers(0, 5, n).astype(float)
    assert_as_repeated_rows(*OF_VALUE[name], y, v, draw.integers(0, 4, n))


def test_a_mean_over_cut_offs_leaves_out_those_without_a_figure():
    y, p = np.array([0.0, 1.0, 0.0, 0.0]), np.array([0.1, 0.9, 0.2, 0.3])
    rows = [np.array([0, 1]), np.array([2, 3])]
    job = weighted.mean_over([weighted.roc_auc(y[part], p[part]) for part in rows], rows)
    assert job(np.ones((1, 4))).tolist() == [1.0]


@pytest.mark.parametrize("job", [weighted.roc_auc, weighted.normalised_gini])
def test_a_resample_without_an_order_to_find_has_no_figure(job):
    assert np.isnan(job(np.array([1.0, 0.0]), np.array([0.2, 0.1]))(np.array([[2.0, 0.0]]))).all()
