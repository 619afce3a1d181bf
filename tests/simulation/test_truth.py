"""The truth: chances that come true, effects that can be found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from churnml.simulation import Action, Change, Mechanism
from churnml.simulation.company import chunks

END = pd.Timestamp("2024-06-30", tz="UTC")


def lived(mechanism: Mechanism, *, n_customers: int = 6000, months: int = 12, tables=("truth", "customers")):
    """Return tables of a company that is not written, by name."""
    parts = list(chunks(n_customers=n_customers, months=months, seed=5, end=str(END.date()), mechanism=mechanism))
    frames = {name: pd.concat([part[name].to_pandas() for part in parts]) for name in tables}
    return {name: frame.set_index("customer_id") for name, frame in frames.items()}


@pytest.fixture(scope="module")
def plain():
    company = lived(Mechanism(), n_customers=6000, months=18, tables=("truth", "customers", "orders"))
    return company | {"alive": company["truth"].query("is_alive == 1")}


def assert_comes_true(p, happened, *, n_sigma=4.0):
    """Compare expected and realised numbers, overall and in quarters of rising chance."""
    groups = pd.qcut(p.rank(method="first"), 4, labels=False)
    for rows in (p.index == p.index, *(groups == g for g in range(4))):
        spread = np.sqrt((p[rows] * (1 - p[rows])).sum())
        assert abs(happened[rows].sum() - p[rows].sum()) < n_sigma * spread + 1


@pytest.mark.parametrize("days", [30, 90, 180])
def test_chances_of_leaving_come_true(plain, days):
    alive = plain["alive"]
    left = alive.future_left_at <= END + pd.Timedelta(days=days)
    assert_comes_true(alive[f"p_churn_{days}d"], left)


def test_chances_of_silence_come_true(plain):
    truth = plain["truth"]
    assert_comes_true(truth.p_no_order_90d, truth.future_n_orders_90d == 0)


def test_expected_value_comes_true(plain):
    alive = plain["alive"]
    for rows in (alive.value_365d > 0, alive.value_365d > alive.value_365d.median()):
        expected, came = alive.value_365d[rows], alive.future_value_365d[rows]
        assert abs(came.mean() - expected.mean()) < 4 * (came - expected).std() / np.sqrt(rows.sum())
    assert np.corrcoef(alive.value_365d, alive.future_value_365d)[0, 1] > 0.9


def test_the_true_chance_ranks_better_than_recency(plain):
    orders = plain["orders"]
    last = orders[orders.refund_of.isna()].groupby("customer_id").ordered_at.max()
    last = last[last > END - pd.Timedelta("180D")]
    truth = plain["truth"].loc[last.index]
    silent = truth.future_n_orders_90d == 0
    assert 0.08 < silent.mean() < 0.18
    by_truth = roc_auc_score(silent, truth.p_no_order_90d)
    assert by_truth > roc_auc_score(silent, END - last) + 0.08


def test_who_has_left_has_a_cause_and_no_chances(plain):
    gone = plain["truth"].query("is_alive == 0")
    assert (gone.left_at <= END).all()
    assert set(gone.cause) == {"price", "service", "competitor", "need_ended", "moved", "deceased", "payment"}
    assert gone[["p_churn_30d", "p_churn_90d", "effect_call", "future_left_at"]].isna().all(axis=None)
    assert (gone.value_365d == 0).all()
    assert plain["alive"][["left_at", "cause"]].isna().all(axis=None)


def test_chances_grow_with_the_horizon(plain):
    alive = plain["alive"]
    assert (alive.p_churn_30d < alive.p_churn_90d).all()
    assert (alive.p_churn_90d < alive.p_churn_180d).all()
    assert alive.p_churn_180d.between(0, 1).all()


def test_actions_help_the_segments_they_were_made_for(plain):
    alive = plain["alive"].join(plain["customers"].segment)
    effect = alive.groupby("segment")[["effect_call_90d", "effect_email_90d", "effect_discount_90d"]].mean()
    assert effect.effect_call_90d["premium"] < effect.effect_discount_90d["premium"]
    assert effect.effect_discount_90d["consumer"] < effect.effect_call_90d["consumer"] < 0
    assert effect.effect_email_90d["small_business"] > 0
    assert (alive.p_churn_90d + alive.effect_discount_90d).between(0, 1).all()


def monthly_leaving(truth, *, since, until):
    """Return leavers per customer-month between two instants, of those who joined before."""
    stayed_until = truth.left_at.fillna(END).clip(upper=until)
    months_at_risk = ((stayed_until - since) / pd.Timedelta("30D")).clip(lower=0).sum()
    return truth.left_at.between(since, until).sum() / months_at_risk


def test_a_planted_price_rise_raises_leaving_in_its_segment_only():
    price = Change("P", "price_change", "segment=premium", 0.5, 0, 0, 0.1, 1.4, full_days=180)
    company = lived(replace(Mechanism(), changes=(price,), segment_shares=(0.5, 0.0, 0.5), share_joined_before=1.0))
    truth = company["truth"]
    is_premium = company["customers"].segment == "premium"
    start = END - pd.Timedelta("180D")
    ratio = {
        exposed: monthly_leaving(truth[is_premium == exposed], since=start + pd.Timedelta("30D"), until=END)
        / monthly_leaving(truth[is_premium == exposed], since=start - pd.Timedelta("150D"), until=start)
        for exposed in (True, False)
    }
    assert ratio[True] > 1.8 * ratio[False]
    assert (truth.change_P_effect[~is_premium] == 0).all()
    assert abs(truth.change_P_effect[is_premium].mean() - 1.4) < 0.1
    assert (truth.cause[is_premium] == "price").sum() > 2 * (truth.cause[~is_premium] == "price").sum()


def test_a_change_without_effect_changes_nothing():
    null = Change("N", "rebranding", "", 0.5, 0, 0, 0.0, 0.0)
    with_it, without = (
        lived(replace(Mechanism(), changes=c), n_customers=500, tables=("truth",)) for c in ((null,), ())
    )
    assert (with_it["truth"].change_N_effect == 0).all()
    alive = [company["truth"].is_alive.mean() for company in (with_it, without)]
    assert abs(alive[0] - alive[1]) < 0.08


def test_the_effect_of_a_past_campaign_shows_against_its_control_group():
    strong = Action("call", "phone", (-2.5, -2.5, -2.5))
    mechanism = replace(
        Mechanism(), actions=(strong,), p_contacted=1.0, p_control=0.5, campaign_first_step=20, campaign_every_steps=99
    )
    company = lived(mechanism, tables=("truth", "campaigns"))
    contacts = company["campaigns"].join(company["truth"].left_at)
    here = contacts[contacts.left_at.isna() | (contacts.left_at > contacts.contacted_at)]
    left = here.left_at < here.contacted_at + pd.Timedelta("90D")
    rate = left.groupby(here.arm).mean()
    assert rate["treated"] < 0.6 * rate["control"]


def test_scopes_that_name_nothing_known_are_refused():
    nowhere = replace(Mechanism(), changes=(Change("X", "outage", "planet=Mars", 0.5, 0, 0, 0.0, 0.5),))
    with pytest.raises(ValueError, match="scope must be empty"):
        lived(nowhere, n_customers=10)
