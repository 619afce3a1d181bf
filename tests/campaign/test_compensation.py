from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.csv as pcsv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_reader import PageReader

from churnml.campaign.affected import Concern
from churnml.campaign.compensation import HARM_UNIT, Harm, compensation_list
from churnml.campaign.fairness import adding_up, fairness
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.shared_help import Grant
from churnml.campaign.team_list import TeamList, write_team_list

IDS = ["a", "b", "c", "d", "e"]


@pytest.fixture
def scores() -> pa.Table:
    return pa.table(
        {
            "customer_id": IDS[:4],
            "value_at_risk": [1.0, 2.0, 3.0, 4.0],
            "value_tier": ["A", "A", "B", "C"],
            "model_version": ["churn-1"] * 4,
        }
    )


def listed(scores: pa.Table, *, language: str = "en", budget: str = "50", least: str = "10") -> TeamList:
    contacts = pa.table(
        {"customer_id": IDS, "email": [f"{i}@x.org" for i in IDS], "consent_email": ["yes", "no", "yes", "yes", "yes"]}
    )
    harm = Harm("delay", np.array([5, 5, 1, 0, 9]) * HARM_UNIT, {"region": pa.array(["n", "n", "s", "s", None])})
    plan = CampaignPlan(name="spring", channels=("email",), currency="EUR", language=language)
    grant = Grant(budget=Decimal(budget), least=Decimal(least))
    concern = Concern("late", "Rule.", pa.array(IDS))
    return compensation_list(concern, harm, grant, scores, contacts, plan=plan, as_of=date(2024, 6, 30))


def test_by_harm_then_value_then_id_and_everybody_stands_somewhere(scores: pa.Table) -> None:
    found = listed(scores)
    rows = found.files["helped"].to_pylist()
    assert [(row["rank"], row["customer_id"], row["harm"]) for row in rows] == [
        (1, "e", 9.0), (2, "b", 5.0), (3, "a", 5.0), (4, "c", 1.0),
    ]  # fmt: skip
    assert sum(Decimal(str(row["help"])) for row in rows) == 50
    assert found.files["not_helped"].to_pylist() == [
        {"customer_id": "d", "harm": 0.0, "reason": "no_harm", "reason_code": "no_harm"}
    ]
    assert found.facts["money"] == {
        "budget": "50", "spent": "50", "left": "0", "least": "10", "lowest": "10", "highest": "18.96",
    }  # fmt: skip


def test_who_may_not_be_told_is_helped_all_the_same(scores: pa.Table) -> None:
    row = next(row for row in listed(scores).files["helped"].to_pylist() if row["customer_id"] == "b")
    assert (row["channel"], row["reach_at"], row["not_told"]) == (None, None, "no_consent")


def test_who_stands_behind_the_budget_is_told_so(scores: pa.Table) -> None:
    found = listed(scores, budget="20")
    assert found.files["helped"]["customer_id"].to_pylist() == ["e", "b"]
    assert found.facts["excluded"] == {"no_harm": 1, "over_budget": 2}


def test_the_fairness_slice_adds_up_to_everybody_and_to_the_money(scores: pa.Table) -> None:
    fair = listed(scores).facts["fairness"]
    assert [row["level"] for row in fair["region"]] == ["n", "s", None]
    assert [row["level"] for row in fair["value_tier"]] == ["A", "B", "C", None]
    for rows in fair.values():
        assert (sum(row["affected"] for row in rows), sum(row["helped"] for row in rows)) == (5, 4)
        assert sum(Decimal(str(row["given"])) for row in rows) == 50
        for name in ("affected_share", "helped_share", "given_share"):
            assert sum(Decimal(str(row[name])) for row in rows) == 1
    assert fair["region"][1] == {
        "level": "s", "affected": 2, "affected_share": 0.4, "helped": 1, "helped_share": 0.25, "helped_rate": 0.5,
        "given": 10.0, "given_share": 0.2, "mean": 10.0,
    }  # fmt: skip


@given(st.lists(st.integers(0, 10**6), max_size=12))
def test_shares_add_up_and_lie_within_a_tenth_of_a_percent(counts: list[int]) -> None:
    shares, total = adding_up(counts), sum(counts)
    assert sum(Decimal(str(share)) for share in shares) == (1 if total else 0)
    assert all(abs(share - count / total) < 0.001 + 1e-12 for share, count in zip(shares, counts, strict=True) if total)


def test_nobody_concerned_and_nobody_helped_are_no_shares() -> None:
    assert fairness({"region": pa.array([], pa.string())}, np.array([], dtype=np.int64)) == {"region": []}


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("Help for those hit hardest", "EUR 50.00", "Share of the help", "42.1%")),
        ("zh", ("重点受影响客户", "组内获补偿比例")),
    ],
)
def test_files_and_page(scores: pa.Table, tmp_path: Path, language: str, texts: tuple[str, ...]) -> None:
    manifest = write_team_list(listed(scores, language=language), tmp_path / "late")
    assert {"helped.csv", "helped.xlsx", "not_helped.csv", "index.html"} <= set(manifest["files"])
    assert json.loads((tmp_path / "late/manifest.json").read_text("utf-8")) == manifest
    page = PageReader((tmp_path / "late/index.html").read_bytes()).text
    assert all(text in page for text in texts)
    assert "@x.org" not in page
    assert pcsv.read_csv(tmp_path / "late/helped.csv").num_rows == 4
    assert openpyxl.load_workbook(tmp_path / "late/helped.xlsx").worksheets[1].max_row == 5
