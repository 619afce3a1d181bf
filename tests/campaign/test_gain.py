from __future__ import annotations

import numpy as np
import pytest

from churnml.campaign.gain import Estimate, expected_gains, value_if_kept


def _one(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    ends = (None if end is None else np.array([end]) for end in (low, high))
    return Estimate(np.array([value]), *ends)


def test_gain_by_hand_with_margin_given_to_those_who_would_have_stayed() -> None:
    gains = expected_gains(_one(0.2), _one(100.0), _one(0.5), cost=np.array([1.0]), margin_given=2.0)
    assert gains.expected[0, 0] == pytest.approx(0.2 * 0.5 * 100 - 1 - 2 * (0.1 + 0.8))
    assert gains.low[0, 0] == gains.high[0, 0] == gains.expected[0, 0]


def test_the_gone_take_no_offer() -> None:
    gains = expected_gains(
        _one(0.2), _one(100.0), _one(0.5), cost=np.array([0.0]), margin_given=2.0, p_gone=np.array([0.8])
    )
    assert gains.expected[0, 0] == pytest.approx(10 - 2 * 0.1)


def test_value_if_kept_gives_back_the_expected_value() -> None:
    kept = value_if_kept(np.array([70.0]), np.array([0.2]), p_gone=np.array([0.1]), left_share=0.25)[0] / 0.75
    assert kept * (0.7 + 0.2 * 0.25) == pytest.approx(70.0)


def test_value_if_kept_is_never_negative_and_never_beyond_ten_times() -> None:
    assert value_if_kept(np.array([-5.0, 10.0]), np.array([0.1, 1.0])).tolist() == pytest.approx([0.0, 100.0])


def test_what_is_missing_stays_missing() -> None:
    p = Estimate(np.array([np.nan, 0.5]))
    gains = expected_gains(p, Estimate(np.array([1.0, np.nan])), _one(0.1), cost=np.array([1.0]))
    assert np.isnan(gains.expected).all()


def test_missing_ends_say_that_a_number_is_known() -> None:
    gains = expected_gains(_one(0.5, np.nan, np.nan), _one(10.0, 8.0, 15.0), _one(0.4), cost=np.array([0.0]))
    assert gains.low[0, 0] == pytest.approx(0.5 * 0.4 * 8)
    assert gains.high[0, 0] == pytest.approx(0.5 * 0.4 * 15)


def test_a_harmful_action_is_worse_where_more_is_at_stake() -> None:
    gains = expected_gains(_one(0.5), _one(100.0, 50.0, 200.0), _one(-0.1), cost=np.array([0.0]))
    assert gains.low[0, 0] == pytest.approx(-10.0)
    assert gains.high[0, 0] == pytest.approx(-2.5)


def test_the_interval_covers_four_fifths_of_what_could_be_true() -> None:
    rng, z, n = np.random.default_rng(4), 1.2816, 40_000
    p, effect = 0.3 + 0.06 * rng.standard_normal(n), 0.3 + 0.08 * rng.standard_normal(n)
    stake = 200.0 * np.exp(0.3 * rng.standard_normal(n))
    gains = expected_gains(
        _one(0.3, 0.3 - z * 0.06, 0.3 + z * 0.06),
        _one(200.0, 200 * np.exp(-z * 0.3), 200 * np.exp(z * 0.3)),
        _one(0.3, 0.3 - z * 0.08, 0.3 + z * 0.08),
        cost=np.array([5.0]),
    )
    truth = p * effect * stake - 5.0
    covered = np.mean((truth >= gains.low[0, 0]) & (truth <= gains.high[0, 0]))
    assert 0.77 <= covered <= 0.83
