from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.campaign.plan import CampaignPlan, Cap, Eligibility
from churnml.campaign.team_list import TeamList, write_team_list
from churnml.campaign.winback import WINBACK_EXCLUSIONS, Lost
from churnml.campaign.winback_files import winback_list
from churnml.timeline import DAY_US
from churnml.wording import has_words

AS_OF = 1_719_705_600_000_000  # 2024-06-30 00:00 UTC
PLAN = CampaignPlan(name="winback", cost=4.0, capacity=None, holdout_share=0.0, channels=("phone", "email"))
NORMAL = {"since": 10, "p": 0.5, "value": 100.0, "at_risk": False, "verdict": "none", "last": "none", "reason": None}


def lost(rows: dict[str, dict], **more: object) -> Lost:
    full = [{"customer_id": name, **NORMAL, **row} for name, row in rows.items()]
    columns = {
        "customer_id": pa.array([r["customer_id"] for r in full], pa.string()),
        "since": pa.array([None if r["since"] is None else AS_OF - int(r["since"] * DAY_US) for r in full], pa.int64()),
        "p_return": pa.array([r["p"] for r in full], pa.float64()),
        "value_after_return": pa.array([r["value"] for r in full], pa.float64()),
        "is_at_risk": pa.array([r["at_risk"] for r in full], pa.bool_()),
        "verdict": pa.array([r["verdict"] for r in full], pa.string()),
        "last_verdict": pa.array([r["last"] for r in full], pa.string()),
        "last_reason": pa.array([r["reason"] for r in full], pa.string()),
    }
    given = {"list_for_days": 365, "lists_others": False, "return_within_days": 90, "value_days": 365}
    learned = {"rule": "rate_by_silence", "cases": 100, "returned": 10, "dates": 3}
    return Lost(pa.table(columns), **{**given, "learned": learned, **more})


def made(
    rows: dict[str, dict], contacts: pa.Table | None = None, *, plan: CampaignPlan = PLAN, **more: object
) -> TeamList:
    return winback_list(lost(rows, **more), contacts, plan=plan, as_of_us=AS_OF, model_version="churn-1")


def outcome(found: TeamList) -> dict[str, str]:
    reasons = {r["customer_id"]: r["reason_code"] for r in found.files["excluded"].to_pylist()}
    arms = {r["customer_id"]: r["group"] for name in ("contact", "holdout") for r in found.files[name].to_pylist()}
    return {**reasons, **arms}


def people(consents: dict[str, str]) -> pa.Table:
    names = list(consents)
    columns = {"customer_id": names, "phone": [f"+49{n}" for n in names], "name": [f"N {n}" for n in names]}
    return pa.table({**columns, "consent_phone": list(consents.values())})


def test_ranked_by_probability_times_value_minus_cost() -> None:
    found = made(
        {"a": {"p": 0.5, "value": 100}, "b": {"p": 0.1, "value": 900}, "c": {"p": 0.04, "value": 100}, "d": {}}
    )
    rows = found.files["contact"].to_pylist()
    assert [(r["rank"], r["customer_id"], r["winback_gain"]) for r in rows] == [
        (1, "b", 86),
        (2, "a", 46),
        (3, "d", 46),
    ]
    assert outcome(found)["c"] == "return_not_worth"
    assert (rows[0]["churned_on"], rows[0]["days_gone"], rows[0]["stop_date"]) == (
        date(2024, 6, 20), 10, date(2025, 6, 20),
    )  # fmt: skip


def test_without_any_value_by_probability_alone() -> None:
    found = made({"a": {"p": 0.1, "value": None}, "b": {"p": 0.3, "value": None}})
    assert found.files["contact"]["customer_id"].to_pylist() == ["b", "a"]
    assert "winback_gain" not in found.files["contact"].column_names


@pytest.mark.parametrize(
    ("days", "code"), [(364, "contact"), (365, "contact"), (365.01, "past_stop_date"), (None, "contact")]
)
def test_a_customer_leaves_the_list_after_the_stop_date(days: float | None, code: str) -> None:
    assert outcome(made({"a": {"since": days}}))["a"] == code


def test_nobody_is_contacted_after_the_stop_date() -> None:
    rows = made({"a": {"since": 360}, "b": {}}).files["contact"].to_pylist()
    assert {r["customer_id"]: r["contact_by"] for r in rows} == {"a": date(2024, 7, 5), "b": date(2024, 7, 14)}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"at_risk": True, "since": 500}, "still_at_risk"),
        ({"since": 500, "verdict": "never"}, "past_stop_date"),
        ({"verdict": "never", "last": "other"}, "not_recoverable"),
        ({"verdict": "other", "last": "other"}, "reason_not_known"),
        ({"verdict": "other", "last": "listable"}, "contact"),
        ({"p": 0.0}, "return_not_worth"),
    ],
)
def test_the_first_reason_that_holds_is_named(row: dict, code: str) -> None:
    assert outcome(made({"a": row}))["a"] == code


def contacts_on(channel: str, days: float, *, n: int = 1) -> pa.Table:
    at = pa.array([AS_OF - int(days * DAY_US)] * n, pa.int64()).cast(pa.timestamp("us", "UTC"))
    return pa.table({"customer_id": ["a"] * n, "at": at, "channel": [channel] * n})


def test_a_pause_closes_a_channel_and_the_next_one_is_taken() -> None:
    contacts = people({"a": "yes"})
    both = contacts.append_column("email", pa.array(["a@x"])).append_column("consent_email", pa.array(["yes"]))
    plan = replace(PLAN, pause_days={"phone": 30})
    past = contacts_on("phone", 29)
    rows = made({"a": {}}, both, plan=plan, past=past).files["contact"].to_pylist()
    assert [(r["channel"], r["reach_at"]) for r in rows] == [("email", "a@x")]
    assert outcome(made({"a": {}}, contacts, plan=plan, past=past)) == {"a": "in_pause"}
    assert outcome(made({"a": {}}, contacts, plan=plan, past=contacts_on("phone", 31))) == {"a": "contact"}
    assert outcome(made({"a": {}}, None, plan=replace(PLAN, pause_days={"any": 30}), past=past)) == {"a": "in_pause"}


@pytest.mark.parametrize(("n", "code"), [(1, "contact"), (2, "over_cap")])
def test_nobody_is_contacted_above_the_cap(n: int, code: str) -> None:
    plan = replace(PLAN, cap=Cap(2, 90))
    assert outcome(made({"a": {}}, plan=plan, past=contacts_on("phone", 40, n=n))) == {"a": code}


def test_rules_of_the_campaign_hold_here_too() -> None:
    plan = replace(PLAN, eligibility=(Eligibility("status", "Not active", none_of=("blocked",)),))
    known = pa.table({"customer_id": ["a", "b"], "status": ["blocked", "ok"]})
    found = outcome(made({"a": {}, "b": {}, "c": {}}, plan=plan, attributes=known))
    assert found == {"a": "ineligible", "b": "contact", "c": "ineligible"}


def test_other_reasons_may_be_listed_by_configuration() -> None:
    assert outcome(made({"a": {"last": "other"}}, lists_others=True))["a"] == "contact"


ROW = st.fixed_dictionaries(
    {
        "since": st.sampled_from([0, 1, 364, 366, None]),
        "p": st.floats(0, 1),
        "value": st.one_of(st.none(), st.floats(-10, 1000)),
        "at_risk": st.booleans(),
        "verdict": st.sampled_from(["none", "listable", "other", "never"]),
        "last": st.sampled_from(["none", "listable", "other", "never"]),
    }
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.dictionaries(st.sampled_from("abcdefghijkl"), ROW, min_size=1),
    consents=st.dictionaries(st.sampled_from("abcdefghijkl"), st.sampled_from(["yes", "no", "", "maybe", "YES "])),
    share=st.sampled_from([0.0, 0.3]),
    capacity=st.sampled_from([None, 0, 2]),
)
def test_only_lost_agreed_recoverable_customers_are_listed(
    rows: dict, consents: dict, share: float, capacity: int | None
) -> None:
    plan = replace(PLAN, holdout_share=share, capacity=capacity)
    contacts = people(consents) if consents else people({"zz": "yes"})
    found = made(rows, contacts, plan=plan)
    arms = {name: set(found.files[name]["customer_id"].to_pylist()) for name in ("contact", "holdout", "excluded")}
    assert sum(len(ids) for ids in arms.values()) == len(rows)
    assert set().union(*arms.values()) == set(rows)
    for name in arms["contact"] | arms["holdout"]:
        row = rows[name]
        assert row["verdict"] != "never"
        assert row["last"] in {"none", "listable"} or row["verdict"] == "never" or row["last"] == "never"
        assert not row["at_risk"]
        assert row["since"] != 366
        assert consents[name].strip().casefold() == "yes"
    assert capacity is None or len(arms["contact"]) <= capacity
    assert "reach_at" not in found.files["holdout"].column_names


def test_of_the_dead_and_the_objectors_nothing_but_the_reason_is_told() -> None:
    found = made({"a": {"verdict": "never"}, "b": {}, "c": {"p": 0.0}}, people({"a": "yes", "b": "no", "c": "yes"}))
    rows = {r["customer_id"]: r for r in found.files["excluded"].to_pylist()}
    assert [rows[n]["p_return"] for n in "abc"] == [None, None, 0.0]
    assert [rows[n]["churned_on"] for n in "ab"] == [None, None]


def test_every_reason_has_words() -> None:
    assert all(has_words(f"exclusion.{reason}") for reason in WINBACK_EXCLUSIONS)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("learned", ["rate_by_silence", "logistic", "assumed"])
def test_the_folder_in_both_languages(tmp_path: Path, language: str, learned: str) -> None:
    facts = {"rule": learned, "cases": 9, "returned": 3, "assumed_return": 0.1}
    facts["check"] = {"cases": 4, "returned": 1, "expected": 1.2, "log_loss": {}}
    plan = replace(PLAN, language=language, currency="EUR", holdout_share=0.4)
    rows = {name: {"reason": "=1+1"} for name in "abcdefgh"}
    first, again = (write_team_list(made(rows, plan=plan, learned=facts), tmp_path / name) for name in ("one", "two"))
    assert first == again
    n = {name: pcsv.read_csv(tmp_path / "one" / f"{name}.csv").num_rows for name in ("contact", "holdout", "excluded")}
    assert n == first["counts"]
    assert n["holdout"] > 0
