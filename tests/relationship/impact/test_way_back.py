"""The way back: the band, the departure and the return, on panels with planted truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from churnml.relationship.impact.panel import Panel
from churnml.relationship.impact.recovery import Curve, curve_of, way_back

BEFORE, AFTER = 9, 12
USUAL = {"confidence": 0.95, "least": 50, "stays": 2, "rises": True}


def company(seed: int, *, back_at: int, factor: float = 3.0, n: int = 3000, alone: bool = False) -> Panel:
    """Return customers with a monthly risk of 4 %, those affected ``factor`` times it in periods 0 to ``back_at``."""
    rng = np.random.default_rng(seed)
    affected = np.ones(n, dtype=bool) if alone else rng.random(n) < 0.4
    season = 0.04 * (1 + 0.25 * np.sin(np.arange(BEFORE + AFTER) + rng.uniform(0, 6)))
    season = np.full_like(season, 0.04) if alone else season
    rows = []
    for number in range(-BEFORE, AFTER):
        risk = season[number + BEFORE] * (1 + 0.2 * affected)
        risk = np.where(affected & (0 <= number < back_at), factor * risk, risk)
        rows.append((np.arange(n), np.full(n, number), affected, (rng.random(n) < risk).astype(float)))
    return Panel(*(np.concatenate(columns) for columns in zip(*rows, strict=True)))


def found_in(panel: Panel, **more: object) -> Curve:
    curve = curve_of(panel, **{**USUAL, **more})
    assert isinstance(curve, Curve)
    return curve


def test_a_planted_recovery_is_found_within_a_period_in_most_companies() -> None:
    back = [found_in(company(seed, back_at=4)).back_at for seed in range(60)]
    assert sum(place is not None and abs(place - 4) <= 1 for place in back) >= 54


def test_without_a_crisis_hardly_any_company_shows_a_departure() -> None:
    states = [found_in(company(seed, back_at=0)).state for seed in range(100, 200)]
    assert states.count("no_departure") >= 90


def test_who_is_not_back_is_censored() -> None:
    curve = found_in(company(1, back_at=AFTER))
    assert (curve.state, curve.left_at, curve.back_at, curve.n_after) == ("not_yet", 0, None, AFTER)


def test_alone_it_is_held_against_its_own_past() -> None:
    curve = found_in(company(2, back_at=3, alone=True))
    assert not curve.is_compared
    assert (curve.state, curve.left_at, curve.back_at) == ("recovered", 0, 3)
    assert math.isnan(curve.base_unaffected)


def test_a_fall_is_the_bad_side_of_activity() -> None:
    panel = company(3, back_at=4)
    fewer = Panel(panel.customer, panel.period, panel.affected, 1 - panel.outcome)
    assert found_in(fewer, rises=False).left_at == 0
    assert found_in(fewer, rises=True).state == "no_departure"


def test_figures_are_those_of_plain_loops() -> None:
    panel = company(4, back_at=2, n=400)
    curve = found_in(panel)
    rate = {}
    for group in (True, False):
        for number in range(-BEFORE, AFTER):
            chosen = [
                y
                for y, p, a in zip(panel.outcome, panel.period, panel.affected, strict=True)
                if p == number and a == group
            ]
            rate[group, number] = (sum(chosen) / len(chosen), len(chosen))
    gaps = {k: rate[True, k][0] - rate[False, k][0] for k in range(-BEFORE, AFTER)}
    usual = sum(gaps[k] for k in range(-BEFORE, 0)) / BEFORE
    spread = {
        g: sum(rate[g, k][0] * (1 - rate[g, k][0]) * rate[g, k][1] for k in range(-BEFORE, 0))
        / sum(rate[g, k][1] for k in range(-BEFORE, 0))
        for g in (True, False)
    }
    noise = sum(spread[g] / rate[g, 0][1] for g in (True, False))
    varied = sum((gaps[k] - usual) ** 2 for k in range(-BEFORE, 0)) / (BEFORE - 1)
    between = max(0.0, varied - noise)
    t = float(stats.t.ppf(0.975, BEFORE - 1))
    for point in curve.points:
        assert (point.affected, point.n_affected) == (pytest.approx(rate[True, point.period][0]), rate[True, 0][1])
        assert point.difference == pytest.approx(gaps[point.period] - usual)
        assert point.reach == pytest.approx(t * math.sqrt(between + noise + (between + noise) / BEFORE))
    first = curve.points[BEFORE]
    base = sum(rate[True, k][0] for k in range(-BEFORE, 0)) / BEFORE
    assert curve.index(first) == pytest.approx(100 * rate[True, 0][0] / base)


@pytest.mark.parametrize(
    ("keep", "why"),
    [
        (lambda p: p.period < -99, "no_rows"),
        (lambda p: ~p.affected, "nobody_affected"),
        (lambda p: ~p.affected | (p.customer < 60), "few_affected"),
        (lambda p: p.affected | (p.customer < 60), "few_unaffected"),
        (lambda p: p.period < 0, "nothing_after"),
        (lambda p: p.period >= -3, "short_before"),
    ],
)
def test_what_cannot_be_told_is_refused(keep: object, why: str) -> None:
    panel = company(5, back_at=2)
    assert curve_of(panel.only(keep(panel)), **USUAL) == why


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=15), st.integers(1, 4))
def test_departure_and_return_equal_a_plain_reading(rows: list[tuple[bool, bool]], stays: int) -> None:
    out = np.array([a or b for a, b in rows], dtype=bool)
    far = np.array([b for _, b in rows], dtype=bool)
    left, back = way_back(out, far, stays=stays)
    starts = [k for k in range(len(out)) if far[k] or (len(out) - k >= stays and all(out[k : k + stays]))]
    assert left == (starts[0] if starts else None)
    if back is not None:
        assert not any(out[back : back + stays])
        assert left < back
        assert starts[-1] < back
    elif left is not None:
        last = starts[-1]
        assert all(any(out[k : k + stays]) or k + stays > len(out) for k in range(last + 1, len(out)))
