"""Lead times: by hand, ties, a simulation of random orders, edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churnml.metrics import lead_time_curve

# Four customers on days 0, 30, 60; a churns on day 70, b on day 95. One of them is listed a day: c, a, b.
CUSTOMERS = list("abcd" * 3)
DAY = np.repeat([0, 30, 60], 4)
EVENT = [70, 95, np.nan, np.nan] * 3
SCORE = [0.2, 0.3, 0.9, 0.1, 0.8, 0.3, 0.7, 0.1, 0.6, 0.7, 0.2, 0.1]


def test_lead_times_by_hand() -> None:
    curve = lead_time_curve(EVENT, SCORE, CUSTOMERS, DAY, fraction=0.25)
    assert curve.n_churners == 2
    assert curve.lead_days.tolist() == [10, 35, 40, 65, 70, 95]
    assert curve.fraction_listed.tolist() == [1, 1, 0.5, 0, 0, 0]
    assert curve.fraction_scored.tolist() == [1, 1, 1, 1, 1, 0.5]


def test_neither_row_order_nor_the_score_s_scale_matters() -> None:
    order = np.random.default_rng(0).permutation(12)
    curve = lead_time_curve(EVENT, SCORE, CUSTOMERS, DAY, fraction=0.5)
    moved = lead_time_curve(
        np.array(EVENT)[order], np.exp(SCORE)[order], np.array(CUSTOMERS)[order], DAY[order], fraction=0.5
    )
    np.testing.assert_array_equal(curve.fraction_listed, moved.fraction_listed)


def test_ties_are_the_mean_over_random_orders() -> None:
    rng = np.random.default_rng(0)
    score = rng.integers(0, 3, 12)
    curve = lead_time_curve(EVENT, score, CUSTOMERS, DAY, fraction=0.25)
    drawn = [
        lead_time_curve(EVENT, score + rng.random(12) / 2, CUSTOMERS, DAY, fraction=0.25).fraction_listed
        for _ in range(4_000)
    ]
    np.testing.assert_allclose(curve.fraction_listed, np.mean(drawn, axis=0), atol=0.03)
    assert 0 < curve.fraction_listed[0] < 1


def test_a_customer_who_churns_twice_counts_twice_and_rows_after_churn_do_not() -> None:
    curve = lead_time_curve(
        [50, 50, 90, np.nan, 60], [1, 0, 1, 1, 0], [1, 2, 1, 1, 2], [0, 0, 60, 95, 60], fraction=0.5
    )
    assert curve.n_churners == 3
    assert curve.lead_days.tolist() == [30, 50]
    np.testing.assert_allclose(curve.fraction_listed, [2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"event_day": np.full(12, np.nan)}, "nobody churned after a score"),
        ({"event_day": np.full(12, -5.0)}, "nobody churned after a score"),
        ({"event_day": np.full(12, np.inf)}, "infinite"),
        ({"customers": ["a"] * 12, "event_day": np.full(12, 90.0)}, "two scores of one day"),
        ({"fraction": 0.2}, "leaves no customer"),
        ({"fraction": 0.0}, "not in"),
        ({"y_score": SCORE[:-1]}, "differ in length"),
        ({"y_score": [np.nan, *SCORE[1:]]}, "missing"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, Any], match: str) -> None:
    given = {"event_day": EVENT, "y_score": SCORE, "customers": CUSTOMERS, "day": DAY, "fraction": 0.25}
    with pytest.raises(ValueError, match=match):
        lead_time_curve(**(given | changed))
