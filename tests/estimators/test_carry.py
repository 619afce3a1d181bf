import json

import numpy as np
import pytest

from churnml.estimators.carry import Carry, carry_by_hazard, carry_by_shift

P = np.concatenate([[1e-9, 1e-6], np.linspace(0.001, 0.999, 500), [1 - 1e-6, 1 - 1e-9]])
CARRIES = {
    "shift up": Carry(shift=1.3),
    "shift down": Carry(shift=-1.3, of_silence=True),
    "longer leaving": carry_by_hazard(90, 365, of_silence=False),
    "longer silence": carry_by_hazard(90, 365, of_silence=True),
    "shorter leaving": carry_by_hazard(365, 90, of_silence=False),
    "shorter silence": carry_by_hazard(365, 90, of_silence=True),
}


@pytest.mark.parametrize("carry", CARRIES.values(), ids=CARRIES)
def test_order_is_kept_and_probabilities_stay_probabilities(carry):
    found = carry(P)
    assert np.all(np.diff(found) >= 0)
    assert np.all(np.diff(found[20:-20]) > 0)
    assert np.all((found > 0) & (found < 1))


def test_nothing_is_carried_until_told():
    np.testing.assert_array_equal(Carry()(P), P)
    np.testing.assert_array_equal(carry_by_hazard(90, 90, of_silence=True)(P), P)


def test_leaving_grows_with_the_horizon_and_silence_falls():
    inner = P[2:-2]
    assert np.all(carry_by_hazard(90, 365, of_silence=False)(inner) > inner)
    assert np.all(carry_by_hazard(90, 365, of_silence=True)(inner) < inner)
    assert np.all(carry_by_hazard(365, 90, of_silence=False)(inner) < inner)
    assert np.all(carry_by_hazard(365, 90, of_silence=True)(inner) > inner)


@pytest.mark.parametrize("of_silence", [False, True])
def test_a_constant_hazard_is_carried_exactly(of_silence):
    rate = np.array([0.0005, 0.002, 0.01])
    stay = {days: np.exp(-rate * days) for days in (30, 100)}
    churn = {days: p if of_silence else 1 - p for days, p in stay.items()}
    carry = carry_by_hazard(30, 100, of_silence=of_silence)
    assert carry(churn[30]) == pytest.approx(churn[100], rel=1e-12)


def test_there_and_back_again():
    longer, back = CARRIES["longer leaving"], CARRIES["shorter leaving"]
    assert back(longer(P[2:200])) == pytest.approx(P[2:200], rel=1e-9)


def test_the_level_of_those_known_is_carried():
    short = np.array([0.2, 0.5, np.nan, 0.7, 0.01])
    long = np.array([0.1, 0.4, 0.3, np.nan, 0.005])
    carry = carry_by_shift(short, long, of_silence=True)
    assert (carry.shift < 0, carry.of_silence, carry.power) == (True, True, 1.0)
    known = [0, 1, 4]
    assert carry(short[known]).mean() == pytest.approx(long[known].mean(), rel=1e-9)


def test_who_is_certain_to_stay_does_not_carry_the_others():
    """Of heavy buyers silence for years has log odds without end; the level of the others does not follow them."""
    short = np.concatenate([np.full(50, 0.5), np.full(50, 1e-4)])
    long = np.concatenate([np.full(50, 0.4), np.full(50, 1e-15)])
    assert carry_by_shift(short, long, of_silence=True)(np.array([0.5]))[0] == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("level", [0.0, 1e-12, 0.5, 1.0])
def test_any_level_can_be_reached(level):
    short = np.array([1e-12, 0.3, 1.0])
    found = carry_by_shift(short, np.full(3, level), of_silence=True)(short).mean()
    assert found == pytest.approx(level, abs=1e-8)


def test_nobody_known_carries_nothing():
    nothing = np.full(3, np.nan)
    np.testing.assert_array_equal(carry_by_shift(nothing, nothing, of_silence=False)(P), P)


def test_certainties_of_another_model_do_not_run_away():
    carry = carry_by_shift(np.array([0.0, 1.0, 0.3]), np.array([1.0, 0.0, 0.3]), of_silence=False)
    assert np.isfinite(carry.shift)


@pytest.mark.parametrize("carry", CARRIES.values(), ids=CARRIES)
def test_unknown_stays_unknown(carry):
    assert np.isnan(carry(np.array([np.nan, 0.3]))).tolist() == [True, False]


@pytest.mark.parametrize("carry", CARRIES.values(), ids=CARRIES)
def test_the_state_comes_back_as_it_went(carry):
    again = Carry.from_state(json.loads(json.dumps(carry.state(), sort_keys=True)))
    assert again == carry
    np.testing.assert_array_equal(again(P), carry(P))
