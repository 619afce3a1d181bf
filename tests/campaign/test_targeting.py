from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.campaign.plan import CampaignPlan
from churnml.campaign.targeting import EXCLUSIONS, Decisions, decide
from churnml.errors import DataError

AS_OF = 1_719_698_400_000_000  # 2024-06-30 00:00 in Berlin
PLAN = CampaignPlan(name="spring", effect=0.5, cost=10.0, capacity=2, holdout_share=0.0, timezone="Europe/Berlin")


def scores(p: list[float | None], clv: list[float | None], **more: object) -> pa.Table:
    n = len(p)
    columns = {
        "customer_id": [f"c{i}" for i in range(n)],
        "as_of": pa.array([AS_OF] * n, pa.timestamp("us", "UTC")),
        "p_churn": pa.array(p, pa.float64()),
        "clv": pa.array(clv, pa.float64()),
        "model_version": ["churn-1/clv-2"] * n,
    }
    return pa.table({**columns, **more})


def outcome(decisions: Decisions) -> dict[str, str]:
    rows = decisions.table.to_pylist()
    return {row["customer_id"]: row["exclusion"] or row["decision"] for row in rows}


def test_ranking_by_hand() -> None:
    found = decide(scores([0.5, 0.5, 0.9, 0.1, None], [100, 200, 50, 10, 500]), None, plan=PLAN)
    rows = {row["customer_id"]: row for row in found.table.to_pylist()}
    assert outcome(found) == {
        "c1": "contact",
        "c0": "contact",
        "c2": "over_capacity",
        "c3": "gain_not_positive",
        "c4": "not_at_risk",
    }
    assert (rows["c1"]["rank"], rows["c1"]["expected_gain"], rows["c0"]["rank"], rows["c2"]["rank"]) == (
        1,
        40.0,
        2,
        None,
    )
    assert rows["c1"]["contact_by"] == date(2024, 7, 14)
    assert (found.as_of, rows["c1"]["risk_band"], rows["c1"]["value_tier"]) == (date(2024, 6, 30), "high", "B")


HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("due_hours", "wanted"),
    [
        (None, date(2024, 7, 14)),  # unknown: the campaign's last day
        (400 * 24, date(2024, 7, 14)),
        (14 * 24, date(2024, 7, 14)),
        (13 * 24, date(2024, 7, 13)),
        (25, date(2024, 7, 1)),
        (23, date(2024, 7, 1)),  # later on the day of the scores itself: the next one
        (0, date(2024, 7, 1)),
        (-48, date(2024, 7, 1)),
    ],
)
def test_contact_by_is_each_customers_own_day_within_the_campaign(due_hours: int | None, wanted: date) -> None:
    due = None if due_hours is None else AS_OF + due_hours * HOUR
    own = pa.array([due, AS_OF + 5 * 24 * HOUR], pa.int64()).cast(pa.timestamp("us", "UTC"))
    rows = decide(scores([0.9, 0.8], [300, 200], contact_by=own), None, plan=PLAN).table.to_pylist()
    found = {row["customer_id"]: row["contact_by"] for row in rows}
    assert found == {"c0": wanted, "c1": date(2024, 7, 5)}


def test_nobody_is_due_after_a_campaign_that_ends_today() -> None:
    own = pa.array([AS_OF + 9 * 24 * HOUR, None], pa.int64()).cast(pa.timestamp("us", "UTC"))
    found = decide(scores([0.9, 0.8], [300, 200], contact_by=own), None, plan=replace(PLAN, contact_within_days=0))
    assert found.table["contact_by"].to_pylist() == [date(2024, 6, 30)] * 2


def test_only_who_is_contacted_has_a_day() -> None:
    own = pa.array([AS_OF + 5 * 24 * HOUR] * 4, pa.int64()).cast(pa.timestamp("us", "UTC"))
    found = decide(scores([0.9, 0.8, 0.7, None], [300, 200, 100, 100], contact_by=own), None, plan=PLAN)
    assert found.table["contact_by"].to_pylist() == [date(2024, 7, 5), date(2024, 7, 5), None, None]


def test_every_reason_in_the_order_in_which_they_are_looked_at() -> None:
    contacts = pa.table(
        {
            "customer_id": [f"c{i}" for i in range(7)],
            "phone": ["1", "1", "1", None, "1", "1", "1"],
            "consent_phone": ["no", "yes", "no", "yes", "yes", "yes", "yes"],
            "objected": ["yes", "yes", None, None, None, None, None],
        }
    )
    table = scores([None, 0.5, 0.5, 0.5, 0.01, 0.5, 0.5], [100, 100, 100, 100, 10, 300, 200])
    reasons = ["not_at_risk", "objected", "no_consent", "no_contact_data", "gain_not_positive", "contact"]
    for limits, last in [({"capacity": 1}, "over_capacity"), ({"capacity": None, "budget": 10.0}, "over_budget")]:
        assert list(outcome_in_order(table, contacts, replace(PLAN, **limits))) == [*reasons, last]


def outcome_in_order(table: pa.Table, contacts: pa.Table | None, plan: CampaignPlan) -> list[str]:
    found = outcome(decide(table, contacts, plan=plan))
    return [found[f"c{i}"] for i in range(table.num_rows)]


@pytest.mark.parametrize("limits", [{"budget": 0.0}, {"capacity": 0}])
def test_nothing_to_spend_means_nobody_is_contacted_or_held_out(limits: dict[str, float]) -> None:
    found = decide(scores([0.9] * 50, [500.0] * 50), None, plan=replace(PLAN, holdout_share=0.5, **limits))
    assert found.of("excluded").num_rows == 50
    assert set(found.table["exclusion"].to_pylist()) == {f"over_{next(iter(limits))}"}


def test_unknown_value_is_no_gain_where_others_are_known() -> None:
    assert outcome_in_order(scores([0.9, 0.5], [None, 100]), None, PLAN) == ["gain_not_positive", "contact"]


@pytest.mark.parametrize("gone", [None, 900.0])
def test_without_any_value_at_risk_the_likeliest_to_leave_come_first(gone: float | None) -> None:
    table = scores([0.3, 0.9, 0.5, 0.0, None], [None, None, None, None, gone])
    found = decide(table, None, plan=PLAN)
    assert found.ranking == "probability"
    assert outcome(found) == {
        "c1": "contact",
        "c2": "contact",
        "c0": "over_capacity",
        "c3": "gain_not_positive",
        "c4": "not_at_risk",
    }
    assert found.total("p_churn") == pytest.approx(1.4)
    assert found.of("contact")["expected_gain"].null_count == 2
    assert outcome(decide(table, None, plan=replace(PLAN, capacity=None, budget=10.0)))["c2"] == "over_budget"


def test_value_known_for_one_ranks_by_gain() -> None:
    assert decide(scores([0.3, 0.9], [100, None]), None, plan=PLAN).ranking == "expected_gain"
    assert decide(scores([None], [100]), None, plan=PLAN).ranking == "expected_gain"


def test_holdout_costs_nothing_and_keeps_its_arm_when_scores_change() -> None:
    plan = replace(PLAN, holdout_share=0.3, capacity=None, budget=300.0)
    clv = np.linspace(100, 1000, 200)
    found = decide(scores([0.9] * 200, clv.tolist()), None, plan=plan)
    again = decide(scores([0.8] * 200, clv[::-1].tolist()), None, plan=plan)
    assert found.of("contact").num_rows == again.of("contact").num_rows == 30
    assert found.of("holdout").num_rows > 0
    arms, others = outcome(found), outcome(again)
    both = [c for c in arms if arms[c] in {"contact", "holdout"} and others[c] in {"contact", "holdout"}]
    assert all(arms[c] == others[c] for c in both)


def test_holdouts_and_excluded_carry_no_personal_data() -> None:
    contacts = pa.table(
        {
            "customer_id": [f"c{i}" for i in range(100)],
            "phone": [f"canary{i}" for i in range(100)],
            "name": [f"canary{i}" for i in range(100)],
            "consent_phone": ["yes"] * 100,
        }
    )
    found = decide(scores([0.9] * 100, [500.0] * 100), contacts, plan=replace(PLAN, holdout_share=0.4, capacity=20))
    assert found.of("contact")["reach_at"].null_count == 0
    others = found.table.filter(pa.array([d != "contact" for d in found.table["decision"].to_pylist()]))
    assert "canary" not in str(others.to_pylist())


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(0, 1),
            st.none() | st.floats(-100, 1000),
            st.sampled_from(["yes", "no", None, "Y "]),
            st.sampled_from(["1", "", None]),
        ),
        min_size=1,
        max_size=40,
    ),
    st.none() | st.integers(0, 20),
    st.none() | st.floats(0, 200),
    st.floats(0, 0.5),
    st.randoms(),
)
def test_every_customer_gets_exactly_one_decision_whatever_the_order(
    rows: list[tuple[float | None, float | None, str | None, str | None]],
    capacity: int | None,
    budget: float | None,
    share: float,
    random: object,
) -> None:
    p, clv, consent, phone = (list(column) for column in zip(*rows, strict=True))
    table = scores(p, clv)
    contacts = pa.table(
        {
            "customer_id": table["customer_id"],
            "phone": pa.array(phone, pa.string()),
            "consent_phone": pa.array(consent, pa.string()),
        }
    )
    plan = replace(PLAN, capacity=capacity, budget=budget, holdout_share=share)
    found = decide(table, contacts, plan=plan)
    assert sorted(found.table["customer_id"].to_pylist()) == sorted(table["customer_id"].to_pylist())
    listed = found.of("contact").to_pylist()
    assert [row["rank"] for row in listed] == list(range(1, len(listed) + 1))
    assert all(consent[int(row["customer_id"][1:])] == "yes" for row in listed)
    by = "expected_gain" if found.ranking == "expected_gain" else "p_churn"
    assert all(row[by] > 0 for row in listed)
    assert [row[by] for row in listed] == sorted((row[by] for row in listed), reverse=True)
    assert capacity is None or len(listed) <= capacity
    assert budget is None or len(listed) * plan.cost <= budget * (1 + 1e-12)
    assert all((r["exclusion"] in EXCLUSIONS) == (r["decision"] == "excluded") for r in found.table.to_pylist())
    shuffled = list(range(table.num_rows))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(table.take(shuffled), contacts.take(shuffled[::-1]), plan=plan).table.equals(found.table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (scores([], []), "there are no scores"),
        (scores([0.5], [1.0]).drop_columns(["clv"]), "clv: scores lack a column"),
        (pa.concat_tables([scores([0.5], [1.0])] * 2), "customers are scored twice"),
        (scores([0.5, 0.5], [1.0, 1.0], model_version=["a", "b"]), "model_version: scores are not all of one"),
    ],
)
def test_unusable_scores_are_refused(table: pa.Table, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decide(table, None, plan=PLAN)
