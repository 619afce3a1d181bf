"""A hazard beside the trees knows nothing that was not known on the day from which it looks ahead."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from churnml.estimators.boosting import booster_text
from churnml.estimators.durations import Durations
from churnml.estimators.matrix import spec_of
from churnml.evaluation.hazard_rows import HazardRows
from churnml.timeline import DAY_US

EVERY, N_DATES, N_CUSTOMERS = 30, 12, 150
END = 400.0
COLUMNS = np.array([0, 1])
LEAD, SETTLE, HORIZON = 5.0, 10.0, 60.0


def _rows(seed=0):
    """Return snapshots of customers who leave at a constant rate of their plan, sorted by date."""
    draw = np.random.default_rng(seed)
    plan = draw.integers(0, 2, N_CUSTOMERS)
    left = draw.exponential(1 / np.array([0.002, 0.008])[plan])
    parts = []
    for date in EVERY * np.arange(N_DATES):
        here = np.flatnonzero(left > date + LEAD)
        event, observed = left[here] - date - LEAD, np.full(here.size, END - SETTLE - LEAD - date)
        noise = draw.normal(size=here.size)
        parts.append(
            (here, np.full(here.size, date), plan[here], noise, np.where(event <= observed, event, np.nan), observed)
        )
    customer, date, plan, noise, event, observed = (np.concatenate(part) for part in zip(*parts, strict=True))
    table = pa.table({"orders_noise": noise.astype(np.float32), "people_plan": plan.astype(np.float32)})
    return HazardRows(
        table,
        Durations(event, observed),
        dates=(date * DAY_US).astype(np.int64),
        customers=customer.astype(np.int64),
        horizon_days=HORIZON,
        lead_days=LEAD,
        settle_days=SETTLE,
        settings={"seed": 1, "max_rounds": 15},
    )


ROWS = _rows()
SPEC = spec_of(ROWS.table)
CHECKED, TESTED = 240 * DAY_US, 330 * DAY_US
SCORED = np.array([[0.0, 0.0], [0.0, 1.0], [2.0, 1.0], [np.nan, np.nan]], np.float32)


def _partner(rows, *, checked=CHECKED, tested=TESTED):
    return rows.partner(SPEC, checked=checked, tested=tested, is_kept=True, monotone={})


def _told(model):
    return booster_text(model.booster_), model.state(), model.risk(SCORED, [30.0, 90.0]).tobytes()


def _upset(rows, day):
    """Change whatever was not known yet on a day: durations beyond it, and everything about later rows."""
    draw = np.random.default_rng(7)
    days = rows.dates / DAY_US
    known_until = day - SETTLE - LEAD - days
    event, observed = rows.durations.event_days.copy(), rows.durations.observed_days.copy()
    later = ~(event <= known_until)
    n = int(later.sum())
    observed[later] = np.maximum(known_until[later], 0.0) + draw.uniform(1.0, 300.0, n)
    event[later] = np.where(
        draw.random(n) < 0.5, np.nan, np.maximum(known_until[later], 0.0) + draw.uniform(1e-6, 1.0, n)
    )
    columns = {name: rows.table[name].to_numpy().copy() for name in rows.table.column_names}
    after = days >= day
    for values in columns.values():
        values[after] = draw.normal(size=int(after.sum())).astype(np.float32) * 1e3
    return replace(rows, table=pa.table(columns), durations=Durations(event, observed))


def _cut(rows, day):
    kept = np.flatnonzero(rows.dates / DAY_US < day)
    event, observed = rows.durations.event_days[kept], rows.durations.observed_days[kept]
    return replace(
        rows,
        table=rows.table.take(pa.array(kept)),
        durations=Durations(event, observed),
        dates=rows.dates[kept],
        customers=rows.customers[kept],
    )


@pytest.mark.parametrize("change", [_upset, _cut])
def test_nothing_from_the_tested_day_on_changes_what_is_kept(change):
    one, two = (_partner(rows).fitted(columns=COLUMNS) for rows in (ROWS, change(ROWS, 330.0)))
    assert _told(one) == _told(two)


@pytest.mark.parametrize("change", [_upset, _cut])
def test_nothing_from_the_checked_day_on_changes_what_is_weighed(change):
    one, two = (_partner(rows).unseen(SCORED, columns=COLUMNS) for rows in (ROWS, change(ROWS, 240.0)))
    assert one.tobytes() == two.tobytes()


def test_what_was_known_does_change_it():
    """The disturbance is felt once it lies before the day: otherwise the tests above would prove nothing."""
    one, two = (_partner(rows).fitted(columns=COLUMNS) for rows in (ROWS, _upset(ROWS, 240.0)))
    assert _told(one) != _told(two)


@pytest.mark.parametrize("change", ["no rows", "no events", "few events"])
def test_too_little_to_learn_from_is_no_hazard(change):
    checked, rows = CHECKED, ROWS
    if change == "no rows":
        checked = 0
    else:
        events = ROWS.durations.event_days.copy()
        seen = np.flatnonzero(~np.isnan(events))
        events[seen[0 if change == "no events" else 19 :]] = np.nan
        rows = replace(ROWS, durations=Durations(events, ROWS.durations.observed_days))
    partner = _partner(rows, checked=checked, tested=checked)
    assert partner.unseen(SCORED, columns=COLUMNS) is None
    assert partner.fitted(columns=COLUMNS) is None


def test_more_customers_at_risk_say_more_than_fewer():
    risk = _partner(ROWS).fitted(columns=COLUMNS).risk(SCORED[:2], [HORIZON])[:, 0]
    assert risk[1] > 1.3 * risk[0]


def test_only_the_columns_named_are_looked_at():
    model = _partner(ROWS).fitted(columns=np.array([1]))
    moved = SCORED.copy()
    moved[:, 0] = 99.0
    np.testing.assert_array_equal(model.risk(moved, [30.0]), model.risk(SCORED, [30.0]))


def test_fitting_again_gives_the_same_bytes():
    assert _told(_partner(ROWS).fitted(columns=COLUMNS)) == _told(_partner(ROWS).fitted(columns=COLUMNS))
