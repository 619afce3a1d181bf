"""Histories: orders and refunds, spells, tickets, surveys, campaigns, and their rhythm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def orders(company):
    return company.frame("orders").astype({"net_amount": float})


def left_of(company, frame):
    return frame.customer_id.map(company.truth.left_at)


def test_refunds_are_rows_of_their_own_and_never_exceed_the_order(orders):
    refunds = orders[orders.refund_of.notna()]
    paid = refunds.merge(orders, left_on="refund_of", right_on="order_id", suffixes=("", "_paid"), validate="m:1")
    returned = paid.groupby("refund_of").agg(back=("net_amount", "sum"), paid=("net_amount_paid", "first"))
    assert len(paid) == len(refunds) > 100
    assert (returned.back + returned.paid >= 0).all()
    assert (paid.ordered_at > paid.ordered_at_paid).all()
    assert (paid.customer_id == paid.customer_id_paid).all()


def test_refunds_are_negative_and_orders_positive(orders):
    is_refund = orders.refund_of.notna()
    assert ((orders.net_amount < 0) == is_refund).all()
    assert ((orders["items"] < 0) == is_refund).all()


def test_rows_reach_the_warehouse_the_night_after_or_days_later(orders):
    late = orders.loaded_at - orders.ordered_at
    assert (late > pd.Timedelta(0)).all()
    assert 0.02 < (late > pd.Timedelta("30h")).mean() < 0.06


def test_a_refund_is_not_loaded_before_its_order(orders):
    loaded = orders.set_index("order_id").loaded_at
    refunds = orders[orders.refund_of.notna()]
    assert (refunds.loaded_at.to_numpy() >= refunds.refund_of.map(loaded).to_numpy()).all()


@pytest.mark.parametrize(("name", "column"), [("orders", "ordered_at"), ("visits", "visited_at")])
def test_activity_lies_between_joining_and_leaving(company, name, column):
    frame = company.frame(name)
    frame = frame[frame.refund_of.isna()] if name == "orders" else frame
    joined = frame.customer_id.map(company.frame("customers").set_index("customer_id").joined_on)
    left = left_of(company, frame)
    assert (frame[column] > joined).all()
    assert (left.isna() | (frame[column] < left)).all()


def test_activity_falls_in_the_months_before_leaving(company):
    visits = company.frame("visits")
    before = (left_of(company, visits) - visits.visited_at).dt.days
    monthly = [((before >= low) & (before < low + 30)).sum() for low in (0, 30, 60, 180)]
    assert monthly[0] < monthly[1] < monthly[2]
    assert monthly[0] < 0.7 * monthly[3]


def test_day_week_and_year_have_their_rhythm(orders):
    bought = orders[orders.refund_of.isna()].ordered_at
    by_hour, by_weekday = bought.dt.hour.value_counts(), bought.dt.day_of_week.value_counts()
    assert by_hour[19] > 5 * by_hour[3]
    assert by_weekday.idxmin() == 6
    monthly = bought.dt.month.value_counts()
    assert monthly[[11, 12]].sum() > 1.2 * monthly[[5, 6]].sum()


def test_a_spell_ends_with_a_reason_and_an_open_one_has_none(company):
    spells = company.frame("subscriptions")
    assert (spells.ends_on.isna() == spells.reason.isna()).all()
    assert (spells.ends_on.isna() | (spells.ends_on >= spells.starts_on)).all()
    assert {"price", "service", "competitor", "moved", "payment", "plan_change"} <= set(spells.reason.dropna())


def test_leaving_ends_the_subscription_with_its_cause(company):
    spells = company.frame("subscriptions")
    last = spells.groupby("customer_id").last(skipna=False).join(company.truth[["left_at", "cause"]])
    gone = last[last.left_at.notna()]
    assert (gone.ends_on == gone.left_at).all()
    assert (gone.reason == gone.cause).all()
    assert last[last.left_at.isna()].ends_on.isna().all()


def test_a_change_of_plan_starts_the_next_spell_at_the_same_instant(company):
    spells = company.frame("subscriptions")
    following = spells.groupby("customer_id")[["starts_on", "plan"]].shift(-1)
    goes_on = spells.reason.isin(["plan_change", "renewal"])
    assert (following.starts_on[goes_on] == spells.ends_on[goes_on]).all()
    changed = spells.reason == "plan_change"
    assert (following.plan[changed] != spells.plan[changed]).all()
    assert following.starts_on[~goes_on].isna().all()


def test_the_planned_end_is_the_signed_term_whatever_came(company):
    spells = company.frame("subscriptions")
    term = (spells.planned_end - spells.starts_on).dropna()
    assert (term == pd.Timedelta("365D")).all()
    assert 0.3 < spells.planned_end.notna().mean() < 0.8


def test_low_marks_follow_slow_answers(company):
    answers, surveys = company.frame("ticket_answers"), company.frame("surveys").sort_values("answered_at")
    slow = answers[answers.response_hours > 48].sort_values("answered_at")
    slow = slow.rename(columns={"answered_at": "slow_at"})[["customer_id", "slow_at"]]
    near = pd.merge_asof(
        surveys, slow, left_on="answered_at", right_on="slow_at", by="customer_id", tolerance=pd.Timedelta("60D")
    )
    hurt = near.slow_at.notna()
    assert near.csat[hurt].mean() < near.csat[~hurt].mean() - 0.2
    assert near.nps[hurt].mean() < near.nps[~hurt].mean() - 0.4


def test_marks_stay_on_their_scales_and_some_are_missing(company):
    surveys = company.frame("surveys")
    assert set(surveys.csat.dropna()) == {1, 2, 3, 4, 5}
    assert set(surveys.nps.dropna()) <= set(range(11))
    assert surveys.nps.min() <= 2
    assert not (surveys.csat.isna() & surveys.nps.isna()).any()
    assert 0.07 < surveys.csat.isna().mean() < 0.13


def test_the_outage_brings_tickets(company):
    outage = company.frame("company_changes").query("type == 'outage'").iloc[0]
    opened = company.frame("tickets").opened_at
    during = opened.between(outage.starts_at, outage.ends_at).sum()
    before = opened.between(outage.starts_at - pd.Timedelta("10D"), outage.starts_at).sum()
    assert during > 2 * before


def test_the_control_group_has_its_planned_share_and_is_random(company):
    contacts = company.frame("campaigns").merge(company.frame("customers"), on="customer_id")
    is_control = contacts.arm == "control"
    spread = 4 * np.sqrt(0.2 * 0.8 / len(contacts))
    assert abs(is_control.mean() - 0.2) < spread
    shares = is_control.groupby(contacts.segment).mean()
    assert shares.between(0.14, 0.26).all()


def test_only_those_who_consent_to_the_channel_are_contacted(company):
    contacts = company.frame("campaigns").merge(company.frame("customers"), on="customer_id")
    for channel in ("phone", "email"):
        assert (contacts.loc[contacts.channel == channel, f"consent_{channel}"] == "yes").all()
