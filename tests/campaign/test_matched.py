"""Contacts without a control group, beside customers who were alike."""

from __future__ import annotations

import numpy as np
import pytest

from churnml.campaign.matched import matched_effect


def contacts(seed: int, *, effect: float, n: int = 8000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return customers of four kinds of risk; the endangered are contacted more often, which hides the effect."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, n)
    treated = rng.random(n) < np.array([0.1, 0.2, 0.4, 0.7])[kind]
    risk = np.array([0.05, 0.1, 0.2, 0.4])[kind] * np.where(treated, 1 - effect, 1.0)
    return kind, treated, (rng.random(n) < risk).astype(float)


def test_a_planted_effect_is_covered_as_often_as_promised() -> None:
    found = [matched_effect(*contacts(seed, effect=0.3)) for seed in range(100)]
    assert 70 <= sum(each.interval[0] <= 0.3 <= each.interval[1] for each in found) <= 90
    assert np.mean([each.effect for each in found]) == pytest.approx(0.3, abs=0.02)


def test_without_strata_the_same_contacts_seem_to_drive_away() -> None:
    _, treated, left = contacts(1, effect=0.3)
    assert matched_effect(np.zeros(len(left), dtype=int), treated, left).effect < -0.1


def test_it_is_the_weighted_ratio_of_plain_counts() -> None:
    kind, treated, left = contacts(2, effect=0.3, n=4000)
    found = matched_effect(kind, treated, left)
    usual = left[~treated].mean()
    rates = []
    for k in range(4):
        control = left[(kind == k) & ~treated]
        rates.append((control.sum() + usual) / (len(control) + 1))
    would = sum(rates[k] for k in kind[treated]) / treated.sum()
    assert found.control_rate == pytest.approx(would)
    assert found.effect == pytest.approx(1 - left[treated].mean() / would)


def test_who_has_nobody_alike_is_counted_and_left_out() -> None:
    kind, treated, left = contacts(3, effect=0.0)
    lonely = np.concatenate([kind, np.full(50, 9)])
    found = matched_effect(lonely, np.concatenate([treated, np.ones(50, bool)]), np.concatenate([left, np.ones(50)]))
    assert (found.n_alone, found.n_treated) == (50, int(treated.sum()))
    assert found.effect == pytest.approx(matched_effect(kind, treated, left).effect)


def test_too_few_who_left_say_nothing() -> None:
    found = matched_effect(np.zeros(60, dtype=int), np.arange(60) < 30, (np.arange(60) % 10 == 0).astype(float))
    assert not found.is_enough
    assert np.isnan(found.effect)
    empty = matched_effect(np.zeros(0, dtype=int), np.zeros(0, dtype=bool), np.zeros(0))
    assert (empty.n_treated, empty.is_enough) == (0, False)
