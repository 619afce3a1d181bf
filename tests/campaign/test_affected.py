from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.campaign.affected import Concern, affected_list
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import TeamList, write_team_list

PLAN = CampaignPlan(name="spring", channels=("phone", "email"), currency="EUR")
AS_OF = date(2024, 6, 30)


def scores(values: dict[str, float | None]) -> pa.Table:
    n = len(values)
    return pa.table(
        {
            "customer_id": pa.array(values, pa.string()),
            "p_churn": pa.array([0.5] * n),
            "risk_band": ["high"] * n,
            "clv": pa.array([None if v is None else 2 * v for v in values.values()], pa.float64()),
            "value_at_risk": pa.array(values.values(), pa.float64()),
            "model_version": ["churn-1"] * n,
        }
    )


def people(**consents: str) -> pa.Table:
    return pa.table(
        {
            "customer_id": list(consents),
            "email": [f"{name}@x.org" for name in consents],
            "name": [f"N {name}" for name in consents],
            "owner": ["Ada"] * len(consents),
            "consent_email": list(consents.values()),
        }
    )


def listed(customers: list[str], values: dict, contacts: pa.Table | None, **more: object) -> TeamList:
    concern = Concern("notice", "Rule.", pa.array(customers, pa.string()), **more)
    return affected_list(concern, scores(values), contacts, plan=PLAN, as_of=AS_OF)


def test_by_value_at_risk_then_id_unknown_last() -> None:
    found = listed(["d", "c", "b", "a", "e"], {"a": 1, "b": 9, "c": None, "d": 9}, None)
    rows = found.files["contact"].to_pylist()
    assert [(r["rank"], r["customer_id"], r["value_at_risk"]) for r in rows] == [
        (1, "b", 9), (2, "d", 9), (3, "a", 1), (4, "c", None), (5, "e", None),
    ]  # fmt: skip
    assert {r["channel"] for r in rows} == {"unassigned"}


@settings(max_examples=60, deadline=None)
@given(
    consents=st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["yes", "no", "", "maybe"]), min_size=1),
    who=st.sets(st.sampled_from("abcdefgh")),
)
def test_those_told_and_those_not_are_everybody_concerned_each_once(consents: dict, who: set) -> None:
    found = listed(sorted(who), {}, people(**consents))
    told, untold = (found.files[name]["customer_id"].to_pylist() for name in ("contact", "unreachable"))
    assert sorted([*told, *untold]) == sorted(who)
    assert set(told) == {name for name in who if consents.get(name) == "yes"}
    assert all(found.files["unreachable"]["reason"].to_pylist())


def test_the_others_have_a_reason_and_nothing_to_contact_them_by() -> None:
    found = listed(["a", "b", "z"], {"a": 1, "b": 2}, people(a="yes", b="no"))
    why = {"barrier": "may_not", "reason": "no_consent", "other_channels": None, "reason_code": "no_consent"}
    assert found.files["unreachable"].to_pylist() == [
        {"customer_id": "b", "owner": "Ada", **why},
        {"customer_id": "z", "owner": None, **why},
    ]
    assert found.counts == {"contact": 1, "holdout": 0, "excluded": 2}
    assert found.facts["excluded"] == {"no_consent": 2}


def test_rows_concerned_and_the_last_day_stand_beside_their_customer() -> None:
    more = {"counts": np.array([3, 1]), "contact_by": date(2024, 7, 9), "begins_on": date(2024, 7, 10)}
    rows = listed(["b", "a"], {}, None, **more).files["contact"].to_pylist()
    assert [(r["customer_id"], r["n_affected"], r["contact_by"]) for r in rows] == [
        ("a", 1, date(2024, 7, 9)), ("b", 3, date(2024, 7, 9)),
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_folder_is_whole_and_the_same_each_time(tmp_path: Path, language: str) -> None:
    found = listed(["a", "b"], {"a": 5, "b": 2}, people(a="yes", b="no"))
    plan = CampaignPlan(name="spring", channels=("email",), language=language, currency="EUR")
    found = affected_list(Concern("notice", "<b>R", pa.array(["a", "b"])), scores({"a": 5}), people(a="yes", b="no"),
                          plan=plan, as_of=AS_OF)  # fmt: skip
    first, again = (write_team_list(found, tmp_path / name) for name in ("one", "two"))
    assert first == again
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"contact.csv", "contact.xlsx", "unreachable.csv", "index.html", "work.parquet", "manifest.json"}
    assert json.loads((tmp_path / "one" / "manifest.json").read_text("utf-8"))["affected"] == 2
    assert pcsv.read_csv(tmp_path / "one" / "contact.csv").num_rows == 1
    page = (tmp_path / "one" / "index.html").read_text("utf-8")
    assert "a@x.org" not in page
    assert "&lt;b&gt;R" in page


def test_nobody_concerned_is_a_whole_folder_too(tmp_path: Path) -> None:
    manifest = write_team_list(listed([], {}, None), tmp_path / "none")
    assert (manifest["counts"], manifest["affected"]) == ({"contact": 0, "holdout": 0, "excluded": 0}, 0)
