from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pytest

from churnml.campaign.loyal_alarm import DateRate, Group, judge, loyal_list
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.team_list import TeamList, write_team_list

AS_OF = date(2024, 6, 30)
PLAN = CampaignPlan(name="loyal_alarm", channels=("email",), currency="EUR")
ASKED = {"excess": 0.2, "confidence": 0.95}


def rates(*shares: float, n: int = 1000) -> list[DateRate]:
    return [DateRate(AS_OF - timedelta(days=30 * k + 90), n, round(share * n)) for k, share in enumerate(shares)]


USUAL = rates(0.08, 0.09, 0.10, 0.11, 0.12)


@pytest.mark.parametrize(("p", "is_high"), [(0.05, False), (0.12, False), (0.15, True), (0.30, True)])
def test_only_above_the_usual_range_and_the_excess_is_high(p: float, is_high: bool) -> None:
    found = judge(np.full(500, p), USUAL, **ASKED)
    assert (found.is_high, found.usual) == (is_high, pytest.approx(0.10))
    assert 0.13 < found.upper < 0.14


def test_the_excess_must_be_reached_too() -> None:
    steady = rates(0.100, 0.1001, 0.0999, 0.1, 0.1, n=100_000)
    assert [judge(np.full(9000, p), steady, **ASKED).is_high for p in (0.115, 0.119, 0.125)] == [False, False, True]


def test_few_members_need_more_to_be_told_from_chance() -> None:
    rng = np.random.default_rng(1)
    few, many = (rng.beta(1, 6, n) for n in (12, 12_000))
    assert judge(few, USUAL, **ASKED).upper > judge(many, USUAL, **ASKED).upper


@pytest.mark.parametrize("earlier", [[], [DateRate(AS_OF, 0, 0)]])
def test_without_an_earlier_date_there_is_no_verdict(earlier: list[DateRate]) -> None:
    assert judge(np.full(5, 0.9), earlier, **ASKED).is_high is None


def test_without_members_there_is_no_verdict() -> None:
    found = judge(np.empty(0), USUAL, **ASKED)
    assert (found.n, found.expected, found.is_high) == (0, None, None)


def test_one_date_and_nobody_who_left_leave_a_range_above_zero() -> None:
    found = judge(np.full(50, 0.01), rates(0.0, n=100), **ASKED)
    assert (found.usual, found.is_high) == (0.0, False)
    assert found.upper > 0.01


def group(p: list[float], **more: object) -> Group:
    n = len(p)
    columns = {
        "customer_id": [f"c{i}" for i in range(n)],
        "loyal_by": ["both"] * n,
        "tenure_days": [900] * n,
        "past_tier": ["A"] * n,
        "risk_band": ["high"] * n,
        "p_churn": pa.array(p, pa.float64()),
        "clv": pa.array([100.0] * n, pa.float64()),
        "value_at_risk": pa.array([100 * share for share in p], pa.float64()),
        **{f"reason_{k}": pa.nulls(n, pa.string()) for k in (1, 2, 3)},
    }
    judged = {"loyal": (np.array(p, dtype=float), more.pop("loyal", USUAL)), **more.pop("parts", {})}
    usual = {"judged": judged, "everybody": USUAL, "p_all": np.full(99, 0.1), "rule": "R."}
    return Group(pa.table(columns), **(usual | more))


def made(found: Group, contacts: pa.Table | None = None, *, plan: CampaignPlan = PLAN, least: float = 0.4) -> TeamList:
    more = {"plan": plan, "as_of": AS_OF, "model_version": "churn-1", "least_probability": least}
    return loyal_list(found, contacts, **more, **ASKED)


def test_an_alarm_of_the_loyal_alone_says_that_the_total_hides_it() -> None:
    alone = made(group([0.5, 0.3])).documents["alarm"]
    assert (alone["alarm"], alone["all"]["is_high"]) == (True, False)
    assert "The total does not show it" in alone["verdict"]["en"]
    both = made(group([0.5, 0.3], p_all=np.full(99, 0.3))).documents["alarm"]
    assert "All customers are above" in both["verdict"]["en"]


def test_one_part_of_the_rule_alone_may_give_the_alarm() -> None:
    parts = {"tenure": (np.full(900, 0.1), USUAL), "tier": (np.full(90, 0.3), USUAL)}
    found = made(group([0.1] * 990, parts=parts)).documents["alarm"]
    assert found["alarm"]
    assert [name for name, judged in found["groups"].items() if judged["is_high"]] == ["tier"]
    assert "90 customers of the best tiers" in found["verdict"]["en"]


def test_listed_are_those_at_high_risk_by_value_at_risk() -> None:
    rows = made(group([0.4, 0.9, 0.39, 0.6])).files["customers"].to_pylist()
    assert [(r["rank"], r["customer_id"]) for r in rows] == [(1, "c1"), (2, "c3"), (3, "c0")]


def test_an_objector_has_an_owner_and_neither_name_nor_channel_and_nobody_an_address(tmp_path: Path) -> None:
    contacts = pa.table(
        {
            "customer_id": ["c0", "c1"],
            "name": ["Ada", "Bob"],
            "email": ["ada@x.org", "bob@x.org"],
            "owner": ["O1", "O2"],
            "consent_email": ["yes", "yes"],
            "objected": ["", "yes"],
        }
    )
    found = made(group([0.5, 0.6]), contacts)
    rows = {r["customer_id"]: (r["name"], r["owner"], r["channel"]) for r in found.files["customers"].to_pylist()}
    assert rows == {"c0": ("Ada", "O1", "email"), "c1": (None, "O2", None)}
    write_team_list(found, tmp_path / "alarm")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "alarm").iterdir() if path.suffix != ".xlsx")
    assert b"x.org" not in everything
    assert b"Bob" not in everything


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("found", [group([0.5, 0.1]), group([0.05]), group([]), group([0.5], loyal=[])])
def test_the_folder_in_both_languages(tmp_path: Path, language: str, found: Group) -> None:
    plan = CampaignPlan(name="loyal_alarm", language=language)
    first, again = (write_team_list(made(found, plan=plan), tmp_path / name) for name in ("one", "two"))
    assert first == again
    verdict = json.loads((tmp_path / "one" / "alarm.json").read_text("utf-8"))
    assert verdict["verdict"][language] in (tmp_path / "one" / "index.html").read_text("utf-8").replace("&#39;", "'")
    assert pcsv.read_csv(tmp_path / "one" / "customers.csv").num_rows == first["counts"]["listed"]
