from __future__ import annotations

import numpy as np
import pytest

from churnml.campaign.effects import LEAST_EVENTS, LearnedEffect, learn_effects

PLANTED = {"a": 0.5, "b": 0.1, "c": -0.2}


def campaign(seed: int, n: int = 30_000, *, foretold: bool = True) -> LearnedEffect:
    """One action whose effect differs by segment, on customers of unequal risk."""
    rng = np.random.default_rng(seed)
    segment = rng.choice(list(PLANTED), n)
    p = rng.beta(1, 6, n)
    treated = rng.random(n) < 0.8
    effect = np.array([PLANTED[level] for level in segment])
    left = (rng.random(n) < np.where(treated, p * (1 - effect), p)).astype(float)
    action = np.full(n, "call")
    return learn_effects(action, treated, left, p_leave=p if foretold else None, segment=segment)["call"]


def test_planted_effects_are_found_by_segment() -> None:
    found = campaign(1)
    assert {level: found.by_segment[level][0] for level in PLANTED} == pytest.approx(PLANTED, abs=0.12)


def test_the_interval_covers_four_fifths() -> None:
    truth = np.mean(list(PLANTED.values()))
    ends = [campaign(seed, 6_000).interval for seed in range(150)]
    assert 0.72 <= np.mean([low <= truth <= high for low, high in ends]) <= 0.88


def test_foretold_risk_makes_the_error_smaller() -> None:
    assert campaign(2).standard_error < campaign(2, foretold=False).standard_error


def test_segments_that_differ_by_chance_only_share_one_effect() -> None:
    rng, n = np.random.default_rng(5), 4_000
    treated, segment = rng.random(n) < 0.5, rng.choice([f"s{k}" for k in range(20)], n)
    left = (rng.random(n) < np.where(treated, 0.14, 0.2)).astype(float)
    found = learn_effects(np.full(n, "call"), treated, left, segment=segment)["call"]
    spread = np.std([effect for effect, _ in found.by_segment.values()])
    assert spread < 0.08
    assert found.effect == pytest.approx(0.3, abs=0.15)


def test_too_few_who_left_teach_nothing_and_are_counted() -> None:
    left = np.r_[np.ones(LEAST_EVENTS - 1), np.zeros(81), np.ones(40), np.zeros(60)]
    treated = np.r_[np.zeros(LEAST_EVENTS + 80), np.ones(100)].astype(bool)
    found = learn_effects(np.full(200, "call"), treated, left)["call"]
    assert not found.is_enough
    assert np.isnan(found.effect)
    assert (found.n_treated, found.n_control, found.left_treated, found.left_control) == (100, 100, 40, 19)


def test_each_action_is_compared_with_its_own_control_group() -> None:
    rng, n = np.random.default_rng(7), 20_000
    action, treated = np.where(np.arange(n) % 2, "call", "mail"), rng.random(n) < 0.5
    base = np.where(action == "call", 0.3, 0.1)
    left = (rng.random(n) < base * np.where(treated & (action == "call"), 0.5, 1.0)).astype(float)
    found = learn_effects(action, treated, left)
    assert found["call"].effect == pytest.approx(0.5, abs=0.06)
    assert found["mail"].effect == pytest.approx(0.0, abs=0.15)


def test_contacts_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        learn_effects(np.full(3, "call"), np.ones(2, bool), np.ones(3))
