from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.campaign.delta import CHANGES, DELTA, WHY, compare
from churnml.wording import LANGUAGES, words

START = {
    "customer_id": "c1",
    "decision": "contact",
    "exclusion": None,
    "rank": 1,
    "channel": "phone",
    "action": "call",
    "risk_band": "high",
    "p_churn": 0.5,
    "clv": 100.0,
    "value_at_risk": 50.0,
    "expected_gain": 10.0,
}
TYPES = {name: pa.float64() for name in ("p_churn", "clv", "value_at_risk", "expected_gain")} | {"rank": pa.int64()}


def run(*rows: dict[str, object]) -> pa.Table:
    full = [START | row for row in rows]
    return pa.table({name: pa.array([row[name] for row in full], TYPES.get(name, pa.string())) for name in START})


def left_out(reason: str, **more: object) -> dict[str, object]:
    return {"decision": "excluded", "exclusion": reason, "rank": None, "channel": None, "action": None, **more}


HELD_OUT = {"decision": "holdout", "rank": None, "channel": None}
CASES = [
    ([], [{}], "added", "new_customer"),
    ([left_out("not_at_risk", p_churn=None)], [{}], "added", "now_at_risk"),
    ([left_out("no_consent", p_churn=None)], [{}], "added", "consent_given"),
    ([left_out("no_contact_data")], [{}], "added", "reachable_now"),
    ([left_out("in_pause")], [{}], "added", "rested"),
    ([HELD_OUT], [{}], "added", "left_holdout"),
    ([left_out("over_capacity", p_churn=0.3)], [{}], "added", "risk_rose"),
    ([left_out("gain_not_positive", clv=20.0)], [{}], "added", "value_rose"),
    ([left_out("gain_not_positive")], [{}], "added", "terms_changed"),
    ([left_out("over_budget")], [{}], "added", "more_room"),
    ([left_out("ineligible")], [{}], "added", "rule_no_longer_holds"),
    ([{}], [], "removed", "no_longer_known"),
    ([{}], [left_out("not_at_risk", p_churn=None)], "removed", "no_longer_at_risk"),
    ([{}], [left_out("objected", p_churn=None)], "removed", "objected"),
    ([{}], [left_out("no_consent", p_churn=None)], "removed", "consent_withdrawn"),
    ([{}], [left_out("no_contact_data")], "removed", "no_longer_reachable"),
    ([{}], [left_out("over_cap")], "removed", "contacted_meanwhile"),
    ([{}], [HELD_OUT], "removed", "moved_to_holdout"),
    ([{}], [left_out("gain_not_positive", p_churn=0.1)], "removed", "risk_fell"),
    ([{}], [left_out("over_capacity", clv=60.0)], "removed", "value_fell"),
    ([{}], [left_out("gain_not_positive")], "removed", "terms_changed"),
    ([{}], [left_out("over_capacity", p_churn=0.6)], "removed", "others_first"),
    ([{}], [left_out("no_action")], "removed", "rule_holds"),
    ([{}], [{"channel": "email"}], "changed", "channel_changed"),
    ([{}], [{"action": "offer"}], "changed", "action_changed"),
    ([{}], [{"risk_band": "very_high", "p_churn": 0.8}], "changed", "risk_rose"),
    ([{}], [{"risk_band": "medium", "p_churn": 0.3}], "changed", "risk_fell"),
]


@pytest.mark.parametrize(("before", "now", "change", "why"), CASES)
def test_each_change_has_its_reason(before: list, now: list, change: str, why: str) -> None:
    (row,) = compare(run(*before), run(*now)).to_pylist()
    assert (row["change"], row["why"], row["customer_id"]) == (change, why, "c1")


def test_every_reason_has_a_case_but_that_of_teams_and_words() -> None:
    assert {case[3] for case in CASES} == set(WHY) - {"team_changed"}
    for key in (*(f"change.{name}" for name in CHANGES), *(f"why.{name}" for name in WHY)):
        assert all(words(f"delta.{key}", language) for language in LANGUAGES)


def test_another_team_is_a_change() -> None:
    tables = [run({}).append_column("team", pa.array([team])) for team in ("north", "south")]
    assert compare(*tables)["why"].to_pylist() == ["team_changed"]


def test_small_moves_and_other_ranks_are_no_change() -> None:
    assert compare(run({}), run({"rank": 9, "p_churn": 0.51, "clv": 99.0, "expected_gain": 8.0})).num_rows == 0


def test_both_sides_are_told_in_figures() -> None:
    (row,) = compare(run({}), run(left_out("over_capacity", p_churn=0.3, expected_gain=4.0))).to_pylist()
    assert list(row) == list(DELTA)
    assert (row["before"], row["now"], row["p_churn_before"], row["p_churn"]) == ("contact", "over_capacity", 0.5, 0.3)
    assert (row["rank_before"], row["rank"], row["expected_gain"]) == (1, None, 4.0)


@pytest.mark.parametrize("reason", ["objected", "no_consent", "not_scored"])
def test_ep_07_no_figure_of_who_objected_is_told_from_now_or_before(reason: str) -> None:
    (row,) = compare(run({}), run(left_out(reason))).to_pylist()
    assert {name for name, value in row.items() if value is not None} == {*list(DELTA)[:5]}


def test_rows_are_ordered_by_kind_and_rank() -> None:
    before = run({"customer_id": "a", "rank": 2}, {"customer_id": "b", "rank": 1})
    now = run({"customer_id": "d", "rank": 2}, {"customer_id": "c", "rank": 1})
    assert compare(before, now)["customer_id"].to_pylist() == ["c", "d", "b", "a"]


DECISION = st.sampled_from([{}, HELD_OUT, left_out("over_capacity"), left_out("objected"), None])


@given(st.lists(st.tuples(DECISION, DECISION), max_size=12))
def test_added_and_removed_lead_from_one_list_to_the_other(pairs: list) -> None:
    sides = [
        run(*({**side, "customer_id": f"c{i}"} for i, side in enumerate(each) if side is not None))
        for each in zip(*pairs, strict=True)
    ] or [run(), run()]
    listed = [{r["customer_id"] for r in side.to_pylist() if r["decision"] == "contact"} for side in sides]
    rows = compare(*sides).to_pylist()
    named = {change: {row["customer_id"] for row in rows if row["change"] == change} for change in CHANGES}
    assert listed[1] == (listed[0] | named["added"]) - named["removed"]
    assert not named["added"] & listed[0]
    assert named["removed"] <= listed[0]


def test_the_same_run_twice_changes_nothing() -> None:
    assert compare(run({}, {"customer_id": "x"}), run({}, {"customer_id": "x"})).num_rows == 0
