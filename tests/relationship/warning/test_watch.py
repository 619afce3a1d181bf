"""Simulated weeks: doublings are flagged in time, quiet years are quiet, and only the past decides."""

from __future__ import annotations

import dataclasses
import sys
import warnings

import numpy as np
import pytest
from small_company import PROJECT

from churnml.relationship.warning.baseline import forecast
from churnml.relationship.warning.watch import judged, judged_since

sys.path.insert(0, str(PROJECT))
from benchmarks.warning import GUARD, LOSSES, OTHER, YEAR, N, false_alarms, first_alarm, simulated

sys.path.remove(str(PROJECT))


def test_a_doubling_is_flagged_within_two_weeks_and_before_a_plain_threshold() -> None:
    companies = [simulated(seed, factor=2.0, since=150) for seed in range(100)]
    found, plain = ([first_alarm(each, 150, is_plain=is_plain) for each in companies] for is_plain in (False, True))
    assert sum(after < 2 for after in found) >= 95
    assert np.mean(found) < np.mean(plain)
    assert sum(f < p for f, p in zip(found, plain, strict=True)) > sum(f > p for f, p in zip(found, plain, strict=True))


def test_a_quiet_half_year_of_all_figures_has_hardly_an_alarm() -> None:
    assert sum(false_alarms(seed, 130, 156) for seed in range(6)) <= 2


@pytest.mark.slow
def test_a_quiet_year_has_at_most_one_false_alarm() -> None:
    found = [false_alarms(seed, 104, 156) for seed in range(100, 150)]
    assert sum(n <= 1 for n in found) >= 45
    assert np.mean(found) <= 1.0


def test_a_fall_is_flagged_only_where_falls_matter() -> None:
    half = simulated(3, mean=200, factor=0.5, since=154)
    assert judged(half, 155, alpha=OTHER, guard=GUARD, year=YEAR).status == "quiet"
    found = judged(dataclasses.replace(half, falls=True), 155, alpha=OTHER, guard=GUARD, year=YEAR)
    assert found.status == "alarm"
    assert found.observed < found.limit < found.expected


def test_later_weeks_and_those_of_the_guard_change_nothing_of_what_was_due() -> None:
    series = simulated(1)
    changed = series.counts.copy()
    changed[140 - GUARD : 139] *= 5
    changed[141:] *= 5
    before, after = (
        judged(dataclasses.replace(series, counts=counts), 140, alpha=LOSSES, guard=GUARD, year=YEAR)
        for counts in (series.counts, changed)
    )
    assert before.expected == after.expected


def test_an_earlier_crisis_does_not_become_what_is_usual() -> None:
    quiet, crisis = simulated(2), simulated(2)
    crisis.counts[90:96] *= 4
    expected = [judged(each, 150, alpha=LOSSES, guard=GUARD, year=YEAR).expected for each in (quiet, crisis)]
    assert expected[1] == pytest.approx(expected[0], rel=0.15)


def test_what_has_not_arrived_yet_is_allowed_for() -> None:
    series = simulated(4, mean=100)
    complete = np.ones(N)
    complete[-1] = 0.5
    counts = series.counts.copy()
    counts[-1] //= 2
    late = dataclasses.replace(series, counts=counts, completeness=complete, falls=True)
    found = judged(late, N - 1, alpha=OTHER, guard=GUARD, year=YEAR)
    assert found.status == "quiet"
    assert found.estimated == 2 * found.observed
    taken_as_whole = dataclasses.replace(late, completeness=np.ones(N))
    assert judged(taken_as_whole, N - 1, alpha=OTHER, guard=GUARD, year=YEAR).status == "alarm"


def test_an_unknown_week_is_missing_and_a_short_past_is_told() -> None:
    series = simulated(5)
    series.known[-1] = False
    missing = judged(series, N - 1, alpha=OTHER, guard=GUARD, year=YEAR)
    assert missing.status == "missing"
    assert np.isnan(missing.observed)
    assert judged(series, 20, alpha=OTHER, guard=GUARD, year=YEAR).status == "short"


def test_the_alarm_began_where_its_weeks_began() -> None:
    series = simulated(6, factor=2.5, since=150)
    verdicts = [judged(series, week, alpha=LOSSES, guard=GUARD, year=YEAR) for week in range(140, N)]
    assert judged_since(verdicts, last=2) in {150, 151}
    assert judged_since(verdicts[:10], last=2) is None


def test_the_line_is_that_of_statsmodels() -> None:
    with warnings.catch_warnings():
        # pandas tells statsmodels, when it is opened, of decorators that it is going to drop.
        warnings.simplefilter("ignore")
        from statsmodels.genmod.families import Poisson
        from statsmodels.genmod.generalized_linear_model import GLM
    series, weeks = simulated(7), np.arange(N)
    due = forecast(
        series.counts[:150],
        series.exposure[:150],
        weeks[:150],
        ahead=weeks[150:152],
        ahead_exposure=series.exposure[150:152],
        year=YEAR,
        falls=True,  # no week sticks out downwards by three, so all weights are one
    )
    turn = 2 * np.pi * weeks / YEAR
    design = np.stack([np.ones(N), weeks / YEAR, np.sin(turn), np.cos(turn)], axis=1)
    fit = GLM(series.counts[:150], design[:150], family=Poisson(), offset=np.log(series.exposure[:150])).fit(scale="X2")
    assert due is not None
    assert due.mean == pytest.approx(3000 * np.exp(design[150:152] @ fit.params))
    assert due.dispersion == pytest.approx(fit.scale)
    gradient = design[150:152] * due.mean[:, None]
    assert due.covariance == pytest.approx(gradient @ fit.cov_params() @ gradient.T)


def with_model(seed: int, *, factor: float = 1.0, noise: float = 0.0):
    """Return a series whose risk wanders as a model foretold, up to noise; customers at risk stay as many."""
    rng = np.random.default_rng(seed)
    wander = np.exp(np.cumsum(rng.normal(0, 0.12, N)) - 0.5)
    rate = 40 * wander / wander.mean()
    counts = rng.poisson(rate * np.where(np.arange(N) >= 150, factor, 1.0)).astype(np.float64)
    foretold = 3 * rate * np.exp(rng.normal(0, noise, N))
    foretold[:60] = np.nan
    plain = simulated(1)
    return dataclasses.replace(plain, counts=counts, foretold=foretold)


def verdict(series, week: int = 150):
    return judged(series, week, alpha=LOSSES, guard=GUARD, year=YEAR)


def test_what_a_model_foretold_is_due_where_it_explains_the_past_better_and_its_level_need_not_be_right() -> None:
    for seed in range(6):
        series = with_model(seed)
        found = verdict(series)
        assert (found.status, found.expected_by) == ("quiet", "model")
        assert found.expected == pytest.approx(series.foretold[150] / 3, rel=0.15)
        assert verdict(with_model(seed, factor=2.2), 151).status == "alarm"


def test_a_model_that_explains_no_more_or_does_not_know_the_weeks_has_no_say() -> None:
    assert verdict(with_model(3, noise=2.0)).expected_by == "past"
    series = with_model(3)
    for weeks in (slice(150, 151), slice(0, 130)):
        foretold = series.foretold.copy()
        foretold[weeks] = np.nan
        assert verdict(dataclasses.replace(series, foretold=foretold)).expected_by == "past"


def test_what_was_foretold_of_later_weeks_or_those_of_the_guard_changes_nothing() -> None:
    series = with_model(4)
    foretold = series.foretold.copy()
    foretold[150 - GUARD : 149] *= 9
    foretold[151:] *= 9
    assert verdict(dataclasses.replace(series, foretold=foretold)) == verdict(series)
