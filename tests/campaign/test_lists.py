from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from churnml.campaign.lists import decide, write_lists
from churnml.campaign.plan import CampaignPlan
from churnml.errors import EnvironmentFault, PrivacyError
from churnml.storage import digest_file

N = 60
PLAN = CampaignPlan(
    name="spring", effect=0.5, cost=10.0, capacity=20, holdout_share=0.3, currency="EUR", channels=("phone",)
)
SCORES = pa.table(
    {
        "customer_id": [f"c{i:02}" for i in range(N)],
        "as_of": pa.array([1_719_705_600_000_000] * N, pa.timestamp("us", "UTC")),
        "p_churn": pa.array([None if i % 10 == 0 else 0.5 for i in range(N)], pa.float64()),
        "clv": [100.0 + i for i in range(N)],
        "model_version": ["churn-1/clv-2"] * N,
        "reason_1": ["silence;source=orders;days=61;usual=14"] * N,
    }
)
CONTACTS = pa.table(
    {
        "customer_id": SCORES["customer_id"],
        "phone": [f"+49 30 {i}" for i in range(N)],
        "name": ["=cmd|' /C calc'!A0"] * N,
        "consent_phone": ["Yes" if i % 7 else "opted out" for i in range(N)],
    }
)
ABOUT = "About this list \xb7 \u540d\u5355\u8bf4\u660e"
FILES = {
    *("contact.csv", "contact.xlsx", "decisions.parquet", "delta.csv", "excluded.csv", "holdout.csv", "index.html"),
}


def rows(path: Path) -> list[dict[str, str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lists") / "spring"
    write_lists(decide(SCORES, CONTACTS, plan=PLAN), path, config_digest="abc")
    return path


def test_files_divide_the_customers(folder: Path) -> None:
    ids = [[r["Customer"] for r in rows(folder / f"{name}.csv")] for name in ("contact", "holdout", "excluded")]
    assert sorted(customer for file in ids for customer in file) == SCORES["customer_id"].to_pylist()
    assert len(ids[0]) == 20
    assert ids[1]


def test_contact_rows_are_a_decision_in_words(folder: Path) -> None:
    first = rows(folder / "contact.csv")[0]
    assert first == {
        "Rank": "1",
        "Customer": "c58",
        "Name": "'=cmd|' /C calc'!A0",
        "Risk": "High",
        "Probability of churn": "0.5",
        "Value tier": "A",
        "Value to come (EUR)": "158",
        "Value at risk (EUR)": "79",
        "Expected gain (EUR)": "29.5",
        "Contact on": "2024-07-01",
        "Contact by": "2024-07-14",
        "Channel": "Phone",
        "Reach at": "'+49 30 58",
        "Action": "Contact the customer",
        "Main cause": "Silence",
        "Our influence": "We can act on it",
        "Reason 1": "No order for 61 days, usually every 14",
        "Reason 2": "",
        "Reason 3": "",
        "Group": "Contact",
        "Campaign": "spring",
        "Model version": "churn-1/clv-2",
        "Policy version": "1",
    }


def test_who_is_listed_without_a_cause_is_listed_with_a_reason(tmp_path: Path) -> None:
    without = SCORES.set_column(5, "reason_1", pa.nulls(N, pa.string()))
    write_lists(decide(without, CONTACTS, plan=PLAN), tmp_path / "spring")
    told = {row["Reason 1"] for row in rows(tmp_path / "spring" / "contact.csv")}
    assert told == {"Nothing raises the risk; listed for what the customer is worth"}


def test_nobody_outside_the_contact_list_can_be_reached_through_the_files(folder: Path) -> None:
    listed = {r["Customer"] for r in rows(folder / "contact.csv")}
    assert not listed & {f"c{i:02}" for i in range(0, N, 7)}
    for name in ("holdout.csv", "excluded.csv", "index.html"):
        assert "+49" not in (folder / name).read_text("utf-8")
        assert "calc" not in (folder / name).read_text("utf-8")


def test_excluded_have_their_reason_and_refusals_nothing_more(folder: Path) -> None:
    by_id = {r["Customer"]: r for r in rows(folder / "excluded.csv")}
    assert by_id["c07"]["Code"] == "no_consent"
    assert by_id["c07"]["Risk"] == by_id["c07"]["Expected gain (EUR)"] == ""
    assert by_id["c10"]["Why left out"].startswith("Not at risk")
    assert float(by_id["c01"]["Expected gain (EUR)"]) > 0


def test_workbook_holds_the_same_list_as_typed_cells(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "contact.xlsx")
    assert book.sheetnames == [ABOUT, "Contact", "\u8054\u7cfb\u540d\u5355"]
    sheet = book["Contact"]
    assert [c.value for c in sheet[1]] == list(rows(folder / "contact.csv")[0])
    assert sheet.max_row == 21
    assert sheet["C2"].value == "=cmd|' /C calc'!A0"
    assert not [c for row in sheet.iter_rows() for c in row if c.data_type == "f" or c.hyperlink]
    about = " ".join(str(c.value) for row in book[ABOUT].iter_rows() for c in row if c.value)
    assert "probability of leaving" in about
    assert "EUR 10.00 per contact" in about


def test_manifest_counts_and_digests(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert set(manifest["files"]) == FILES == {p.name for p in folder.iterdir()} - {"manifest.json"}
    assert all(digest_file(folder / name) == facts["sha256"] for name, facts in manifest["files"].items())
    assert (
        manifest["counts"]["customers"] == N == sum(manifest["counts"][k] for k in ("contact", "holdout", "excluded"))
    )
    assert manifest["ranking"] == "expected_gain"
    assert sum(manifest["excluded"].values()) == manifest["counts"]["excluded"]
    assert manifest["consent"]["channels"]["phone"]["unknown"] == 9
    assert (manifest["as_of"], manifest["config_digest"], manifest["economics"]["contacts_cost"]) == (
        "2024-06-30",
        "abc",
        200.0,
    )


def test_same_decisions_same_bytes(folder: Path, tmp_path: Path) -> None:
    order = list(range(N))[::-1]
    write_lists(decide(SCORES.take(order), CONTACTS.take(order), plan=PLAN), tmp_path / "x", config_digest="abc")
    assert {p.name: p.read_bytes() for p in (tmp_path / "x").iterdir()} == {
        p.name: p.read_bytes() for p in folder.iterdir()
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_empty_list_is_written_and_said(tmp_path: Path, language: str) -> None:
    plan = replace(PLAN, capacity=0, language=language)
    manifest = write_lists(decide(SCORES, CONTACTS, plan=plan), tmp_path / "x")
    assert manifest["counts"]["contact"] == manifest["counts"]["holdout"] == 0
    assert len((tmp_path / "x" / "contact.csv").read_bytes().splitlines()) == 1
    assert b'class="warning"' in (tmp_path / "x" / "index.html").read_bytes()


def test_ids_alone_say_that_consent_must_be_checked(tmp_path: Path) -> None:
    manifest = write_lists(decide(SCORES, None, plan=PLAN), tmp_path / "x")
    assert manifest["consent"]["mode"] == "elsewhere"
    assert "consent must be checked" in manifest["consent"]["meaning"]
    about = openpyxl.load_workbook(tmp_path / "x" / "contact.xlsx")[ABOUT]
    assert any("consent must be checked" in str(c.value) for row in about.iter_rows() for c in row)
    assert "consent must be checked" in (tmp_path / "x" / "index.html").read_text("utf-8")
    listed = rows(tmp_path / "x" / "contact.csv")
    assert {r["Channel"] for r in listed} == {"Not assigned: check consent first"}
    assert "Reach at" not in listed[0]


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "No value of the customers is known"), ("zh", "\u4e0d\u77e5\u9053\u5ba2\u6237\u4ef7\u503c")],
)
def test_list_without_values_is_ranked_by_probability_and_says_so(tmp_path: Path, language: str, said: str) -> None:
    table = SCORES.set_column(3, "clv", pa.nulls(N, pa.float64()))
    manifest = write_lists(decide(table, CONTACTS, plan=replace(PLAN, language=language)), tmp_path / "x")
    assert (manifest["ranking"], manifest["counts"]["contact"]) == ("probability", 20)
    economics = manifest["economics"]
    assert (economics["contacts_expected_gain"], economics["contacts_expected_kept"]) == (None, 5.0)
    for name in ("contact", "holdout", "excluded"):
        assert "EUR" not in (tmp_path / "x" / f"{name}.csv").read_text("utf-8")
    assert said in (tmp_path / "x" / "index.html").read_text("utf-8")
    about = openpyxl.load_workbook(tmp_path / "x" / "contact.xlsx").worksheets[0]
    assert any(said.lower() in str(c.value).lower() for row in about.iter_rows() for c in row)


def test_chinese_list(tmp_path: Path) -> None:
    write_lists(decide(SCORES, CONTACTS, plan=replace(PLAN, language="zh")), tmp_path / "x")
    first = rows(tmp_path / "x" / "contact.csv")[0]
    assert first["\u6d41\u5931\u98ce\u9669"] == "\u9ad8"
    assert (
        first["\u539f\u56e0 1"]
        == "\u5df2\u6709 61 \u5929\u672a\u4e0b\u5355\uff0c\u901a\u5e38\u6bcf 14 \u5929\u4e00\u6b21"
    )
    assert openpyxl.load_workbook(tmp_path / "x" / "contact.xlsx").sheetnames[:2] == [
        "\u540d\u5355\u8bf4\u660e \xb7 About this list",
        "\u8054\u7cfb\u540d\u5355",
    ]


def test_refused_list_leaves_nothing_and_keeps_the_old_one(tmp_path: Path) -> None:
    write_lists(decide(SCORES, CONTACTS, plan=PLAN), tmp_path / "x")
    before = digest_file(tmp_path / "x" / "manifest.json")
    long = CONTACTS.set_column(2, "name", pa.array(["x" * 40_000] * N))
    with pytest.raises(PrivacyError, match="name: texts are longer"):
        write_lists(decide(SCORES, long, plan=PLAN), tmp_path / "x")
    assert digest_file(tmp_path / "x" / "manifest.json") == before
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_unwritable_place_is_an_environment_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        write_lists(decide(SCORES, CONTACTS, plan=PLAN), tmp_path / "file" / "x")


def test_a_list_from_stale_tables_says_so_everywhere_it_is_read(tmp_path: Path, folder: Path) -> None:
    decisions = replace(decide(SCORES, CONTACTS, plan=PLAN), stale=("tickets", "visits"))
    assert write_lists(decisions, tmp_path / "spring")["stale"] == ["tickets", "visits"]
    said = "The data behind this list are older than agreed: tickets, visits."
    about = openpyxl.load_workbook(tmp_path / "spring" / "contact.xlsx").worksheets[0]
    assert any(said in str(cell.value) for row in about.iter_rows() for cell in row)
    assert said in (tmp_path / "spring" / "index.html").read_text(encoding="utf-8")
    assert said not in (folder / "index.html").read_text(encoding="utf-8")
