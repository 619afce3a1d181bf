from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from factories import AS_OF, DAY, random_company

from churnml.errors import DataError, TimeContractError
from churnml.histories.bucket import Bucket
from churnml.snapshots.population import ChurnDefinition
from churnml.snapshots.spine import (
    check_enough,
    labelled_value_horizon,
    labelled_window,
    plan_snapshots,
    spine_of,
)
from churnml.snapshots.splits import split_by_date
from churnml.timeline import OutcomeWindow

WINDOW = OutcomeWindow.of_days(horizon_days=90, lead_days=7)


def plan(*, start_days: int, value_days: int | None = None, count: int = 12, anchors: tuple[int, ...] = ()):
    return plan_snapshots(
        as_of=AS_OF,
        history_start=AS_OF - start_days * DAY,
        window=WINDOW,
        every_us=30 * DAY,
        count=count,
        value_horizon_us=None if value_days is None else value_days * DAY,
        anchors_us=[a * DAY for a in anchors],
    )


def test_newest_date_is_the_last_whose_outcome_is_settled() -> None:
    dates = plan(start_days=1000).churn_dates
    assert dates[-1] + 97 * DAY == AS_OF
    assert len(dates) == 12
    assert set(dates[1:] - dates[:-1]) == {30 * DAY}


def test_dates_leave_a_history_before_them() -> None:
    dates = plan(start_days=300).churn_dates
    assert dates[0] >= AS_OF - 300 * DAY + 90 * DAY
    assert len(dates) == 4


@pytest.mark.parametrize("start_days", [126, 60])
def test_horizon_longer_than_the_history_can_label_is_refused(start_days: int) -> None:
    longest = max(0, start_days - 30 - 7)
    with pytest.raises(TimeContractError, match=f"longer than what the history can label.* at most {longest} days"):
        plan(start_days=start_days)


def test_a_history_that_is_just_long_enough_gives_one_date() -> None:
    assert len(plan(start_days=127).churn_dates) == 1


def test_value_dates_share_the_grid_and_are_settled() -> None:
    found = plan(start_days=1100, value_days=365)
    assert found.value_horizon_us == 365 * DAY
    assert found.value_dates[-1] + 365 * DAY <= AS_OF
    assert (found.churn_dates[-1] - found.value_dates[-1]) % (30 * DAY) == 0


def test_value_horizon_shrinks_until_it_can_be_learned_and_checked() -> None:
    horizon = labelled_value_horizon(365 * DAY, as_of=AS_OF, start=AS_OF - 546 * DAY, every_us=30 * DAY)
    assert horizon == 213 * DAY


def test_history_too_short_for_any_value_is_refused() -> None:
    with pytest.raises(TimeContractError, match="too short to learn a value from"):
        labelled_value_horizon(365 * DAY, as_of=AS_OF, start=AS_OF - 50 * DAY, every_us=30 * DAY)


def test_nobody_at_risk_is_refused() -> None:
    with pytest.raises(DataError, match="nobody is at risk at 2024-06-30"):
        check_enough(0, at="at 2024-06-30")


@pytest.mark.parametrize(("table", "kind"), [("plans", "spell_end"), ("orders", "inactivity")])
def test_own_clocks_observe_at_fixed_ages(table: str, kind: str, tmp_path: Path) -> None:
    company = random_company(5)
    history = company.prepare(tmp_path)
    definition = ChurnDefinition(kind, table, active_within_us=400 * DAY)
    dated = plan(start_days=1000, anchors=(30, 60))
    for number in range(history.n_buckets):
        for row in spine_of(Bucket(history, number), history, definition, dated).to_pylist():
            date = int(row["observation_date"].timestamp() * 1_000_000)
            starts = [r["started_at"] for r in company.plans[row["customer_id"]]]
            if kind == "inactivity":
                starts = [company.customers[row["customer_id"]]["joined"]]
            ages = {round((date - start) / DAY) for start in starts}
            assert date == AS_OF or ages & {30, 60}


@pytest.mark.parametrize("horizon_days", [14, 90, 365])
@pytest.mark.parametrize("history_days", [150, 400, 730, 1100, 3650])
def test_value_can_be_tested_on_a_later_date_where_the_history_allows(horizon_days: int, history_days: int) -> None:
    found = plan(start_days=history_days, value_days=horizon_days)
    splits = split_by_date(found.value_dates, reach_us=found.value_horizon_us)
    assert found.value_horizon_us <= horizon_days * DAY
    assert bool(splits) == (found.value_dates[-1] - found.value_dates[0] >= found.value_horizon_us)
    assert splits or history_days < 400


@pytest.mark.parametrize(("horizon", "history_days"), [(365, 1460), (365, 3650), (200, 800)])
def test_long_horizons_are_tested_on_later_dates(horizon: int, history_days: int) -> None:
    window = OutcomeWindow.of_days(horizon_days=horizon)
    found = plan_snapshots(
        as_of=AS_OF,
        history_start=AS_OF - history_days * DAY,
        window=window,
        every_us=30 * DAY,
        count=12,
        value_horizon_us=None,
    )
    assert split_by_date(found.churn_dates, reach_us=window.reach_us)


def learned_days(history_days: int, *, every_days: int = 30, settle_days: int = 0, **window: int) -> float:
    """Return the horizon that is learned, days, where one of 180 days, lead and grace beside, is asked for."""
    found = labelled_window(
        OutcomeWindow.of_days(**{"horizon_days": 180, **window}),
        as_of=AS_OF,
        settled_until=AS_OF - settle_days * DAY,
        start=AS_OF - history_days * DAY,
        every_us=every_days * DAY,
    )
    asked = OutcomeWindow.of_days(**{"horizon_days": 180, **window})
    assert found == replace(asked, horizon_us=found.horizon_us)
    return found.horizon_us / DAY


@pytest.mark.parametrize(
    ("history_days", "horizon"),
    [
        (1_000, 180),
        (270, 180),  # three months before the newest settled date
        (269, 74),  # a day less: two outcomes, a step and three months must fit
        (268, 74),
        (150, 15),
        (148, 14),
        (147, None),
    ],
)
def test_a_horizon_too_long_to_label_is_learned_shorter(history_days: int, horizon: int | None) -> None:
    if horizon is None:
        with pytest.raises(TimeContractError, match="180 days is longer than what the history can label"):
            learned_days(history_days)
    else:
        assert learned_days(history_days) == horizon


def test_a_microsecond_decides_whether_a_horizon_can_be_labelled() -> None:
    window, start = OutcomeWindow.of_days(horizon_days=180), AS_OF - 270 * DAY
    more = {"as_of": AS_OF, "settled_until": AS_OF, "every_us": 30 * DAY}
    assert labelled_window(window, start=start, **more) == window
    assert labelled_window(window, start=start + 1, **more).horizon_us < window.horizon_us


def test_two_shorter_outcomes_and_the_history_before_them_do_fit() -> None:
    for history_days in range(148, 270):
        for lead, grace, settle in ((0, 0, 0), (7, 0, 3), (0, 14, 0), (5, 5, 10)):
            if history_days < 148 + 2 * (lead + grace) + settle:
                continue
            if history_days - settle >= 270 + lead + grace:
                continue
            days = learned_days(history_days, lead_days=lead, grace_days=grace, settle_days=settle)
            assert 2 * (days + lead + grace) + 30 + 90 <= history_days - settle
            assert days >= 14


def test_lead_grace_and_settling_shorten_what_is_learned() -> None:
    assert learned_days(250) == 65
    assert learned_days(250, lead_days=10) == 55
    assert learned_days(250, grace_days=10) == 55
    assert learned_days(250, settle_days=10) == 60


@pytest.mark.parametrize(("history_days", "horizon"), [(140, 100), (130, 100), (129, None)])
def test_where_not_even_two_weeks_fit_twice_one_settled_date_will_do(history_days: int, horizon: int | None) -> None:
    if horizon is None:
        with pytest.raises(TimeContractError, match="at most 99 days"):
            learned_days(history_days, horizon_days=100)
    else:
        assert learned_days(history_days, horizon_days=100) == horizon


@pytest.mark.parametrize(("asked", "history_days"), [(365, 300), (730, 800), (3_650, 700)])
def test_horizons_longer_than_any_label_can_be_tested_on_later_dates(asked: int, history_days: int) -> None:
    found = plan_snapshots(
        as_of=AS_OF,
        history_start=AS_OF - history_days * DAY,
        window=OutcomeWindow.of_days(horizon_days=asked),
        every_us=30 * DAY,
        count=12,
        value_horizon_us=None,
    )
    assert 14 * DAY <= found.churn_horizon_us < asked * DAY
    assert found.churn_dates[-1] + found.churn_horizon_us == AS_OF
    assert found.churn_dates[0] >= AS_OF - history_days * DAY + 30 * DAY
    assert split_by_date(found.churn_dates, reach_us=found.churn_horizon_us)
