import numpy as np
import pyarrow as pa
import pytest

from churnml.evaluation.backtest import Predictions
from churnml.evaluation.lead_time import event_days, lead_time_rows, lead_times
from churnml.evaluation.report import metrics_of

DAYS = np.array([0.0, 30.0, 60.0])


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([1, 1, 1], [150, 150, 150]),
        ([0, 0, 1], [None, None, 150]),
        ([1, 0, 1], [90, None, 150]),
        ([1, 1, 0], [120, 120, None]),
        ([0, 0, 0], [None, None, None]),
    ],
)
def test_a_departure_is_dated_by_the_last_date_that_saw_it(y, expected):
    found = event_days(np.array(y, float), DAYS, np.zeros(3, np.int64), horizon_days=90.0)
    np.testing.assert_array_equal(found, np.array(expected, float))


def test_rows_may_come_in_any_order_and_dates_far_apart_are_two_departures():
    y, day, customer = np.ones(4), np.array([200.0, 0.0, 30.0, 0.0]), np.array([1, 1, 0, 0])
    assert event_days(y, day, customer, horizon_days=90.0).tolist() == [290.0, 90.0, 120.0, 120.0]


def _predictions(n_dates=3, fits=({"fold": "a", "horizon_days": 90.0},)):
    n, draw = 60, np.random.default_rng(0)
    y = np.tile(np.arange(n) < 20, n_dates).astype(float)
    dates = pa.array(np.repeat(DAYS[:n_dates] * 86_400_000_000, n).astype(np.int64)).cast(pa.timestamp("us", "UTC"))
    table = {
        "fold": np.repeat(["a", "b", "c"][:n_dates], n),
        "customer_id": np.tile([f"c{k:02d}" for k in range(n)], n_dates),
        "observation_date": dates,
        "y": y,
        "p_churnml": 0.05 + 0.9 * y,
        "p_recency": draw.random(n * n_dates),
    }
    return Predictions("churn", pa.table(table), fits=fits)


def test_a_perfect_score_lists_as_many_as_there_is_room_for_from_the_first_date():
    found = metrics_of(_predictions())["lead_time"]["churnml"]
    assert found["lead_days"] == [90.0, 120.0, 150.0]
    assert found["fraction_scored"] == [1.0, 1.0, 1.0]
    assert found["n_churners"] == 20
    # Six places a date for twenty equal scores: 0.3 on the first, and what chance adds on the later ones.
    assert found["fraction_listed"] == pytest.approx([1 - 0.7**3, 1 - 0.7**2, 0.3])


def test_the_best_rule_stands_beside_it_and_rows_are_as_drawn():
    found = metrics_of(_predictions())["lead_time"]
    assert list(found) == ["churnml", "recency"]
    assert lead_time_rows(found).column_names == ["model", "lead_days", "fraction_listed", "fraction_scored"]


@pytest.mark.parametrize(
    "predictions", [_predictions(n_dates=1), _predictions(fits=())], ids=["one date", "no horizon"]
)
def test_there_is_no_curve_without_earlier_dates_or_horizon(predictions):
    customers = np.arange(predictions.table.num_rows) % 60
    assert lead_times(predictions, customers, fraction=0.1) == {}
