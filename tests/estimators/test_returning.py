from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from churnml.errors import ModelError
from churnml.estimators.returning import RateBySilence, fit_return_value, fit_returns
from churnml.timeline import DAY_US

REACH = 90 * DAY_US


def lost_customers(
    n: int, *, seed: int, slope: float = 1.0, n_dates: int = 4
) -> tuple[pa.Table, np.ndarray, np.ndarray, np.ndarray]:
    """Return cases whose chance of a return is known: it falls with the silence, and grows with past visits."""
    rng = np.random.default_rng(seed)
    gone, visits = rng.exponential(120, n), rng.poisson(1.0, n).astype(float)
    truth = 1 / (1 + np.exp(-(-2.0 - gone / 150 + slope * visits)))
    dates = rng.integers(0, n_dates, n) * REACH
    ids = [f"c{i:06d}" for i in range(n)]
    table = pa.table({"customer_id": ids, "gone_days": gone, "visits_recent": visits})
    return table, (rng.random(n) < truth).astype(float), dates, truth


def test_known_chances_are_found_and_right_on_later_customers() -> None:
    cases, y, dates, _ = lost_customers(6000, seed=1)
    model = fit_returns(cases, y, dates, reach_us=REACH, seed=1)
    later, returned, _, truth = lost_customers(6000, seed=2)
    p = model.predict(later)
    assert model.kind == "logistic"
    assert p.sum() == pytest.approx(returned.sum(), rel=0.08)
    assert np.corrcoef(p, truth)[0, 1] > 0.95
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 1.0)):
        rows = (p >= low) & (p < high)
        assert p[rows].mean() == pytest.approx(returned[rows].mean(), abs=0.05)


def test_the_check_is_made_on_the_newest_dates_by_what_was_settled_by_each() -> None:
    cases, y, dates, _ = lost_customers(3000, seed=3)
    facts = fit_returns(cases, y, dates, reach_us=REACH, seed=1).facts
    newest = dates >= REACH
    assert (facts["check"]["dates"], facts["check"]["cases"]) == (3, newest.sum())
    assert facts["check"]["returned"] == y[newest].sum()
    assert facts["check"]["expected"] == pytest.approx(y[newest].sum(), rel=0.2)
    assert set(facts["check"]["log_loss"]) == {"rate_by_silence", "logistic"}


def test_a_level_that_moves_with_time_is_followed() -> None:
    cases, y, dates, _ = lost_customers(4000, seed=10)
    rarer = y * (np.random.default_rng(0).random(4000) < np.array([1.0, 0.8, 0.6, 0.4])[dates // REACH])
    model = fit_returns(cases, rarer, dates, reach_us=REACH, seed=1)
    newest = dates == dates.max()
    plain = model.rule.predict(cases)[newest].sum()
    assert model.shift < 0
    assert abs(model.predict(cases)[newest].sum() - rarer[newest].sum()) < abs(plain - rarer[newest].sum())


def test_where_nothing_but_the_silence_tells_the_simple_rule_is_as_good() -> None:
    cases, y, dates, truth = lost_customers(4000, seed=4, slope=0.0)
    model = fit_returns(cases, y, dates, reach_us=REACH, seed=1)
    assert np.abs(model.predict(cases) - truth).mean() < 0.02


def test_few_returns_leave_the_share_by_time() -> None:
    cases, y, dates, _ = lost_customers(150, seed=5)
    model = fit_returns(cases, y, dates, reach_us=REACH, seed=1)
    assert model.kind == "rate_by_silence"


def test_one_date_cannot_be_checked() -> None:
    cases, y, dates, _ = lost_customers(500, seed=6, n_dates=1)
    assert "check" not in fit_returns(cases, y, dates, reach_us=REACH, seed=1).facts


def test_dates_not_settled_by_the_newest_one_are_not_checked_with() -> None:
    cases, y, dates, _ = lost_customers(500, seed=6, n_dates=2)
    assert "check" not in fit_returns(cases, y, dates, reach_us=REACH + 1, seed=1).facts


def test_the_order_of_the_rows_changes_nothing() -> None:
    cases, y, dates, _ = lost_customers(1500, seed=7)
    mixed = np.random.default_rng(0).permutation(1500)
    one = fit_returns(cases, y, dates, reach_us=REACH, seed=1)
    other = fit_returns(cases.take(pa.array(mixed)), y[mixed], dates[mixed], reach_us=REACH, seed=1)
    assert one.facts == other.facts
    assert one.predict(cases).tolist() == other.predict(cases).tolist()


@pytest.mark.parametrize("n", [0, 20])
def test_nobody_who_came_back_teaches_nothing(n: int) -> None:
    cases, _, dates, _ = lost_customers(n, seed=8)
    with pytest.raises(ModelError, match="nobody who was lost came back"):
        fit_returns(cases, np.zeros(n), dates, reach_us=REACH, seed=1)


def test_shares_by_hand() -> None:
    gone = np.repeat([10.0, 100.0], 50)
    y = np.concatenate([np.repeat([1.0, 0.0], 25), np.zeros(50)])
    rule = RateBySilence.fit(gone, y)
    table = pa.table({"gone_days": [10.0, 500.0]})
    assert rule.predict(table).tolist() == pytest.approx([(25 + 20 * 0.25) / 70, 20 * 0.25 / 70])


def test_value_of_groups_that_differ_is_believed_and_of_those_that_do_not_is_shared() -> None:
    rng = np.random.default_rng(9)
    amount = rng.uniform(1, 100, 4000)
    differ = fit_return_value(amount, amount * rng.gamma(2, 0.5, 4000))
    means = [amount[(amount >= low) & (amount < low + 25)].mean() for low in (1, 26, 51, 76)]
    assert differ.predict(np.array([12.0, 37.0, 62.0, 90.0])).tolist() == pytest.approx(means, rel=0.1)
    alike = fit_return_value(amount[:200], rng.gamma(1, 50, 200))
    spread = alike.predict(np.array([5.0, 95.0, np.nan]))
    assert np.ptp(spread) < 25
    assert spread[2] == pytest.approx(alike.facts["mean_value"], rel=1e-4)


def test_value_without_any_amount_is_that_of_all() -> None:
    model = fit_return_value(np.array([np.nan, np.nan]), np.array([10.0, 30.0]))
    assert model.predict(np.array([np.nan, 5.0])).tolist() == [20.0, 20.0]
