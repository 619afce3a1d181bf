"""The response clock, against the raw rows of a small company."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from page_reader import PageReader
from small_company import PROJECT, another, run
from test_cli import churnml, error_of
from yaml import safe_load

from churnml.campaign.work import WORK, keep_work, work_rows, write_work

NOW, FIRST = datetime(2024, 6, 30, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
TABLES = safe_load((PROJECT / "params.yaml").read_text("utf-8"))["histories"]["tables"]
SPRING = {"name": "spring", "table": "orders", "first_day": "2024-06-01"}


@pytest.fixture(scope="module")
def project(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small company with the answers to its tickets and its contacts, and one list of 1 June."""
    folder = tmp_path_factory.mktemp("clock")
    tables = {"tables": {name: TABLES[name] for name in ("answers", "contacts")}}
    treatments = {"table": "contacts", "column": "arm", "treated": ["treated"], "control": ["control"]}
    response = {"answer_within_hours": 12, "list_within_days": 3}
    changes = {"histories": tables, "treatments": treatments, "response": response, "lists": {"affected": [SPRING]}}
    another(folder, golden, changes)
    assert run(folder, "configure", "prepare") == 0
    ids = pq.read_table(folder / "data/simulated/customers.parquet")["customer_id"].to_pylist()
    rows = work_rows({"contact": pa.table({"customer_id": ids[::2]}), "holdout": pa.table({"customer_id": ids[1::2]})})
    write_work(rows, folder / "work.parquet", name="winback", day=date(2024, 6, 1))
    keep_work(folder / "work.parquet", folder / WORK)
    return folder


def raw(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"data/simulated/{name}.parquet").to_pylist()


def clock(folder: Path, out: Path, *words: str) -> dict[str, Any]:
    assert churnml("clock", *words, "--out", str(out), folder=folder) == 0
    found: dict[str, Any] = json.loads((out / "clock.json").read_text("utf-8"))
    return found


def test_questions_are_those_of_the_raw_tickets_and_their_answers(project: Path, tmp_path: Path) -> None:
    tickets = [r for r in raw(project, "tickets") if FIRST < r["opened_at"] <= NOW]
    answers = [r for r in raw(project, "ticket_answers") if r["answered_at"] <= NOW]
    began: dict[str, list[tuple[datetime, datetime]]] = {}
    for row in answers:
        opened = row["answered_at"] - timedelta(hours=row["response_hours"])
        began.setdefault(row["customer_id"], []).append((opened, row["answered_at"]))
    taken = []
    for row in tickets:
        near = [a for o, a in began.get(row["customer_id"], []) if abs(o - row["opened_at"]) < timedelta(hours=1)]
        taken.append(((near[0] if near else NOW) - row["opened_at"]).total_seconds() / 3600 * (1 if near else -1))
    found = clock(project, tmp_path, "--from", "2024-03-01")["questions"]["all"]
    done = sorted(hours for hours in taken if hours >= 0)
    waiting = [-hours for hours in taken if hours < 0]
    assert (found["n"], found["ended"], found["open"]) == (len(tickets), len(done), len(waiting))
    assert found["late"] == sum(hours > 12 for hours in done)
    assert found["overdue"] == sum(hours > 12 for hours in waiting)
    assert len(done) > 20


def test_groups_and_days_sum_to_all(project: Path, tmp_path: Path) -> None:
    told = clock(project, tmp_path, "--from", "2024-03-01")["questions"]
    assert {"tickets.topic", "customers.segment"} <= set(told["by"])
    for rows in told["by"].values():
        assert [sum(row[key] for row in rows) for key in ("n", "open", "late")] == [
            told["all"][key] for key in ("n", "open", "late")
        ]
    assert sum(day["opened"] for day in told["days"]) == told["all"]["n"]
    assert told["days"][-1]["open"] >= told["all"]["open"]


def test_losses_and_their_first_listing_are_those_of_the_raw_orders(project: Path, tmp_path: Path) -> None:
    """A silence of 30 days is a loss; the only list is of 1 June and names every other customer."""
    at: dict[str, set[datetime]] = {}
    for row in raw(project, "orders"):
        if row["net_amount"] >= 0 and max(row["loaded_at"], row["ordered_at"]) <= NOW:
            at.setdefault(row["customer_id"], set()).add(row["ordered_at"])
    ids = [row["customer_id"] for row in raw(project, "customers")]
    listed, june = set(ids[::2]), datetime(2024, 6, 1, tzinfo=UTC)
    n = ended = late = 0
    for who, times in at.items():
        ordered = sorted(times)
        for one, following in zip(ordered, [*ordered[1:], datetime.max.replace(tzinfo=UTC)], strict=True):
            lost = one + timedelta(days=30)
            if FIRST < lost <= NOW and following > lost:
                n += 1
                is_listed = who in listed and lost <= june <= min(following, NOW)
                ended += is_listed
                late += is_listed and june - lost > timedelta(days=3)
    found = clock(project, tmp_path, "--from", "2024-03-01")["lost"]
    assert found["n"] == n
    assert (found["to_listing"]["ended"], found["to_listing"]["late"]) == (ended, late)
    assert ended > 5


def test_contacts_of_those_concerned_count_from_the_beginning(project: Path, tmp_path: Path) -> None:
    found = clock(project, tmp_path, "--from", "2024-05-01", "--affected", "spring")["concerned"]
    june = datetime(2024, 6, 1, tzinfo=UTC)
    buyers = {
        r["customer_id"]
        for r in raw(project, "orders")
        if june <= r["ordered_at"] and max(r["ordered_at"], r["loaded_at"]) <= NOW and r["net_amount"] >= 0
    }
    may = datetime(2024, 5, 1, tzinfo=UTC)
    contacted = {
        r["customer_id"] for r in raw(project, "campaigns") if r["arm"] == "treated" and may <= r["contacted_at"] <= NOW
    }
    assert (found["n"], found["to_contact"]["ended"]) == (len(buyers), len(buyers & contacted))
    assert found["to_listing"]["p50"] in {31.0, None}


def test_the_page_reads_in_both_languages(project: Path, tmp_path: Path) -> None:
    clock(project, tmp_path, "--from", "2024-03-01", "--affected", "spring")
    page = PageReader((tmp_path / "clock.html").read_bytes()).text
    assert all(text in page for text in ("Response clock", "响应时钟", "Open and overdue questions", "九成完成用时"))
    assert "the standard is 12 h" in page


def test_what_is_not_known_is_said_and_the_rest_is_there(golden: Path, tmp_path: Path) -> None:
    """The small company has neither answers nor contacts."""
    found = clock(golden, tmp_path)
    assert {"answers", "contacts"} <= set(found["missing"])
    assert set(found["questions"]["all"]) == {"n"}
    assert found["lost"]["n"] > 0
    page = PageReader((tmp_path / "clock.html").read_bytes()).text
    assert "When questions were answered is not known" in page
    assert "提问的答复时间未知" in page


@pytest.mark.parametrize(
    ("words", "code", "rule"),
    [
        (["--from", "2024-07-01"], 4, "time.window"),
        (["--from", "2024-06-01", "--until", "2024-07-01"], 4, "time.window"),
        (["--crisis", "none"], 2, "config.crisis"),
        (["--affected", "none"], 2, "config.list"),
        (["--from", "soon"], 2, "config.date"),
    ],
)
def test_an_event_that_cannot_be_is_refused(project: Path, words: list[str], code: int, rule: str) -> None:
    assert churnml("clock", *words, folder=project) == code
    assert error_of(project)["rule"] == rule
