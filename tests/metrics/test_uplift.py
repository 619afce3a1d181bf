"""Uplift metrics: worked numbers, an obvious loop, a trial of known effect, edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.metrics import auuc_score, qini_curve, qini_score, uplift_at_capacity_score, uplift_curve

STAYED = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 0])
TREATED = np.array([1, 0, 1, 0, 0, 1, 1, 0, 0, 1])
SCORE = np.array([5, 5, 4, 4, 3, 3, 2, 2, 1, 1])

trials = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 1)), min_size=5, max_size=40).filter(
    lambda rows: len({y for y, _, _ in rows}) == 2 and len({t for _, _, t in rows}) == 2
)


def trial(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A trial in which contacts keep 0 to 40 % of the customers, and that share."""
    rng = np.random.default_rng(0)
    effect, treated = rng.choice([0.0, 0.1, 0.2, 0.3, 0.4], n), rng.random(n) < 0.3
    return (rng.random(n) < 0.5 - effect * treated).astype(float), effect, treated


def test_curves_equal_what_scikit_uplift_gives() -> None:
    # scikit-uplift 0.5.1: qini_curve gives 0 1 2 2 1 1 customers, uplift_curve 0 2 4 4 2 2, at 0 2 4 6 8 10 customers.
    targeted, qini = qini_curve(1 - STAYED, SCORE, TREATED)
    np.testing.assert_allclose(targeted, [0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(qini * 5, [0, 1, 2, 2, 1, 1])
    np.testing.assert_allclose(uplift_curve(1 - STAYED, SCORE, TREATED)[1] * 10, [0, 2, 4, 4, 2, 2])


def test_areas_by_hand() -> None:
    # Trapezoids of the curves above, 0.2 wide: (0.5 + 1.5 + 2 + 1.5 + 1) / 5 = 1.3, and twice that for the other.
    assert qini_score(1 - STAYED, SCORE, TREATED) == pytest.approx(0.2 * 6.5 / 5 - 0.2 / 2)
    assert auuc_score(1 - STAYED, SCORE, TREATED) == pytest.approx(0.2 * 13 / 10)


@settings(max_examples=100, deadline=None)
@given(rows=trials)
def test_curves_equal_a_loop_over_lists(rows: list[tuple[int, int, int]]) -> None:
    churned, score, treated = np.array(rows).T
    qini, uplift = [(0.0, 0.0)], [(0.0, 0.0)]
    for threshold in sorted(set(score.tolist()), reverse=True):
        top = score >= threshold
        kept, n_treated, n_control = 1 - churned[top], treated[top].sum(), (1 - treated[top]).sum()
        share, kept_treated = top.mean(), kept[treated[top] == 1].sum()
        kept_control = kept.sum() - kept_treated
        if n_control:
            qini.append((share, (kept_treated - kept_control * n_treated / n_control) / treated.sum()))
        if n_control and n_treated:
            uplift.append((share, (kept_treated / n_treated - kept_control / n_control) * share))
    np.testing.assert_allclose(np.transpose(qini_curve(churned, score, treated)), qini, atol=1e-12)
    np.testing.assert_allclose(np.transpose(uplift_curve(churned, score, treated)), uplift, atol=1e-12)


def test_the_known_effect_is_found() -> None:
    churned, effect, treated = trial(200_000)
    assert uplift_curve(churned, effect, treated)[1][-1] == pytest.approx(0.2, abs=0.01)
    assert uplift_at_capacity_score(churned, effect, treated, fraction=0.2) == pytest.approx(0.4, abs=0.015)
    assert uplift_at_capacity_score(churned, effect, treated, fraction=0.4) == pytest.approx(0.35, abs=0.015)
    # Between the curve 0.08 0.14 0.18 0.2 0.2 at fifths and its chord lie 0.2 * (0.08 + 0.14 + 0.18 + 0.2 + 0.1) - 0.1.
    assert qini_score(churned, effect, treated) == pytest.approx(0.04, abs=0.005)
    assert qini_score(churned, -effect, treated) == pytest.approx(-0.04, abs=0.005)


def test_one_score_for_all_is_the_average_effect_and_no_ranking() -> None:
    churned, _, treated = trial(1_000)
    ones = np.ones(1_000)
    effect = churned[~treated].mean() - churned[treated].mean()
    assert uplift_at_capacity_score(churned, ones, treated, fraction=0.1) == pytest.approx(effect)
    assert qini_score(churned, ones, treated) == pytest.approx(0.0)
    assert auuc_score(churned, ones, treated) == pytest.approx(effect / 2)


def test_a_top_with_one_arm_is_a_straight_line_to_the_first_list_with_both() -> None:
    targeted, gain = uplift_curve([0, 0, 1, 1, 0], [5, 4, 3, 2, 1], [1, 1, 0, 0, 1])
    np.testing.assert_allclose(targeted, [0, 0.6, 0.8, 1])
    np.testing.assert_allclose(gain, [0, 0.6, 0.8, 1])
    assert uplift_at_capacity_score([0, 0, 1, 1, 0], [5, 4, 3, 2, 1], [1, 1, 0, 0, 1], fraction=0.2) == 1.0


@pytest.mark.parametrize("metric", [qini_score, auuc_score])
@pytest.mark.parametrize("arm", [0, 1])
def test_an_empty_arm_is_refused(metric: object, arm: int) -> None:
    with pytest.raises(ValueError, match="one arm only"):
        metric([1, 0, 1, 0, 1], [5, 4, 3, 2, 1], [arm] * 5)  # type: ignore[operator]


def test_what_is_not_a_flag_is_refused() -> None:
    with pytest.raises(ValueError, match="is_treated holds something else"):
        qini_curve([1, 0, 1], [3, 2, 1], [0, 1, 2])
