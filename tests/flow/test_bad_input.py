"""What a user does wrong ends with a code, one sentence with place and count, and nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_company import PROJECT, arguments, merged, run

CANARY = "canary"
PARAMS: dict[str, Any] = {
    "histories": {
        "folder": "data/raw",
        "as_of": "2024-07-01",
        "tables": {
            "people": {"kind": "customers", "file": "people.csv", "id": "person_id", "categories": ["town"]},
            "orders": {
                "kind": "events",
                "file": "orders.csv",
                "id": "person_id",
                "time": "ordered_on",
                "amount": "paid",
            },
        },
    },
    "churn": {"definition": "inactivity", "table": "orders", "horizon_days": 30, "active_within_days": 90},
    "snapshots": {"count": 3},
    "features": {"windows_days": [30, 90]},
}
TO_MODEL = ["configure", "prepare", "snapshots", "featurize", "label", "train_churn"]


def write(folder: Path, changes: dict[str, Any] | None = None) -> None:
    """Write a project of 60 customers who buy twice a month; every cell that could leak holds the canary."""
    raw = folder / "data" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    params = merged(PARAMS, changes or {})
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    names = [f"{CANARY}-{i:03d}" for i in range(60)]
    people = [f"{name},{CANARY}ville" for name in names]
    orders = [f"{name},2024-{month:02d}-{day:02d},19.99" for name in names for month in range(1, 7) for day in (3, 20)]
    (raw / "people.csv").write_text("\n".join(["person_id,town", *people, ""]), encoding="utf-8")
    (raw / "orders.csv").write_text("\n".join(["person_id,ordered_on,paid", *orders, ""]), encoding="utf-8")


def edited(name: str, edit: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        write(folder)
        path = folder / "data" / "raw" / name
        path.write_text("\n".join(edit(path.read_text(encoding="utf-8").split("\n"))), encoding="utf-8")

    return apply


def changed(changes: dict[str, Any]) -> Callable[[Path], None]:
    return lambda folder: write(folder, changes)


def without_orders_file(folder: Path) -> None:
    write(folder)
    (folder / "data" / "raw" / "orders.csv").rename(folder / "data" / "raw" / "order.csv")


def in_latin_1(folder: Path) -> None:
    write(folder)
    path = folder / "data" / "raw" / "people.csv"
    path.write_bytes(path.read_bytes().replace(b"canaryville", "canaryvillé".encode("latin-1"), 1))


def misspelt_key(folder: Path) -> None:
    write(folder, {"churn": {"horizon_days": None}})
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("  active_within_days", "  horizon_day: 30\n  active_within_days"))


def blank_ids(lines: list[str]) -> list[str]:
    return [*lines[:3], ",2024-01-05,1", "  ,2024-01-06,2", *lines[3:]]


@dataclass(frozen=True)
class Case:
    """One thing done wrong; ``words`` stand in the message, ``absent`` is not there afterwards."""

    make: Callable[[Path], None]
    code: int
    rule: str
    words: tuple[str, ...]
    absent: str = "data/prepared"
    count: int | None = None


CASES = {
    "missing file": Case(without_orders_file, 3, "data.file_missing", ("orders.csv", "Did you mean order.csv?")),
    "missing column": Case(
        edited("orders.csv", lambda lines: ["person_id,ordered_on,payed", *lines[1:]]),
        3,
        "data.column_missing",
        ("orders.csv:1: paid: no such column", "Did you mean payed?"),
        count=1,
    ),
    "two rows per customer": Case(
        edited("people.csv", lambda lines: [*lines[:-1], *(line + "2" for line in lines[1:4]), ""]),
        3,
        "data.customer_twice",
        ("people.csv", "person_id", "3 of 63 rows"),
        count=3,
    ),
    "no rows": Case(
        edited("orders.csv", lambda lines: [lines[0], ""]), 3, "data.no_rows", ("orders.csv: ordered_on: no",)
    ),
    "blank ids": Case(
        edited("orders.csv", blank_ids),
        3,
        "data.id_blank",
        ("orders.csv:4: person_id", "2 of 722 rows", "blank_ids: drop"),
        count=2,
    ),
    "not UTF-8": Case(in_latin_1, 3, "data.damaged", ("people.csv:2: not in the declared encoding (utf-8)",)),
    "unreadable cells": Case(
        edited("orders.csv", lambda lines: [*lines[:-1], f"x,{CANARY},{CANARY}", ""]),
        3,
        "data.time_unreadable",
        ("orders.csv:722: ordered_on", "1 of 721 rows", "orders.csv: paid: number unreadable"),
        count=1,
    ),
    "as_of after the data": Case(
        changed({"histories": {"as_of": "2024-12-01"}}),
        4,
        "time.as_of_after_data",
        ("orders.csv: histories.as_of", "164 days before histories.as_of (2024-12-01)", "2024-06-21"),
        count=164,
    ),
    "horizon too long": Case(
        # Ten weeks before as_of: not even a horizon of two weeks could be learned from and checked instead.
        changed({"churn": {"horizon_days": 400}, "histories": {"as_of": "2024-03-20"}}),
        4,
        "time.horizon_too_long",
        ("churn.horizon_days", "400 days is longer than what the history can label", "at most"),
        absent="data/snapshots",
    ),
    "one class only": Case(
        changed({}), 3, "data.one_class", ("only one class", "0 churned and"), absent="models/churn"
    ),
    "unknown key": Case(
        misspelt_key,
        2,
        "config.unknown_key",
        ("params.yaml:", "churn.horizon_day: unknown key", "Did you mean horizon_days?"),
        absent="data/resolved",
    ),
    "no such table": Case(
        changed({"churn": {"table": "order"}}),
        2,
        "config.table",
        ("params.yaml:", "churn.table", "Did you mean orders?"),
        absent="data/resolved",
    ),
    "a path that leads outside": Case(
        changed({"histories": {"folder": "../raw"}}),
        2,
        "config.path",
        ("histories.folder: not a plain path inside the project",),
        absent="data/resolved",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_and_nothing_is_left(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    case.make(tmp_path)
    assert run(tmp_path, *TO_MODEL) == case.code
    told = capfd.readouterr()
    assert all(word in told.err for word in case.words), told.err
    facts = json.loads((tmp_path / "reports" / "last_error.json").read_text())
    assert (facts["exit_code"], facts["rule"]) == (case.code, case.rule)
    assert case.count in {None, facts["count"]}
    assert CANARY not in (told.err + told.out + json.dumps(facts)).lower()
    assert "Traceback" not in told.err
    assert not (tmp_path / case.absent).exists()
    assert not list(tmp_path.rglob("*.tmp"))
    assert not list(tmp_path.rglob(".spill-*"))


def test_the_project_of_these_cases_is_itself_fine_up_to_its_labels(tmp_path: Path) -> None:
    write(tmp_path)
    assert run(tmp_path, *TO_MODEL[:-1]) == 0


@pytest.mark.parametrize("name", ["not UTF-8", "as_of after the data"])
def test_an_earlier_result_outlives_a_failure(name: str, tmp_path: Path) -> None:
    write(tmp_path)
    assert run(tmp_path, "configure", "prepare") == 0
    before = {path: path.read_bytes() for path in (tmp_path / "data" / "prepared").rglob("*") if path.is_file()}
    CASES[name].make(tmp_path)
    assert run(tmp_path, "configure", "prepare") == CASES[name].code
    assert {path: path.read_bytes() for path in (tmp_path / "data" / "prepared").rglob("*") if path.is_file()} == before


def test_findings_are_reported_where_they_stop_the_run(tmp_path: Path) -> None:
    CASES["blank ids"].make(tmp_path)
    assert run(tmp_path, "configure", "prepare") == 3
    found = json.loads((tmp_path / "reports" / "data_check.json").read_text())["findings"]
    assert {(finding["rule"], finding["count"]) for finding in found} >= {("data.id_blank", 2)}
    page = (tmp_path / "reports" / "data_check.html").read_text(encoding="utf-8")
    assert CANARY not in page.lower()


@pytest.mark.parametrize(("name", "stages"), [("unknown key", ["configure"]), ("not UTF-8", ["configure", "prepare"])])
def test_a_process_ends_with_the_code(name: str, stages: list[str], tmp_path: Path) -> None:
    case = CASES[name]
    case.make(tmp_path)
    for stage in stages:
        command = [sys.executable, PROJECT / "pipelines" / f"{stage}.py", *arguments(stage)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == case.code
    assert done.stderr.startswith("churnml: ")
    assert all(word in done.stderr for word in case.words)
    assert len(done.stderr.splitlines()) == 1
    assert CANARY not in done.stderr.lower()
