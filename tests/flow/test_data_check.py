"""What a project sets for the data check, what it remembers of a delivery, and what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_company import merged, run

from churnml.config import load_params
from churnml.config.reference import reference_markdown
from churnml.errors import ConfigError
from churnml.histories.ledger import read_ledger
from churnml.histories.rules import CATALOGUE

PARAMS: dict[str, Any] = {
    "histories": {
        "folder": "raw",
        "as_of": "2024-01-01",
        "tables": {"orders": {"kind": "events", "file": "orders.csv", "id": "id", "time": "at", "amount": "paid"}},
    },
    "churn": {"definition": "inactivity", "table": "orders"},
}


def project(folder: Path, rows: list[str], changes: dict[str, Any] | None = None) -> Path:
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(merged(PARAMS, changes or {})), encoding="utf-8")
    (folder / "raw" / "orders.csv").write_text("\n".join(["id,at,paid", *rows, ""]), encoding="utf-8")
    return folder


def prepared(folder: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    code = run(folder, "configure", "prepare")
    report = json.loads((folder / "reports" / "data_check.json").read_text(encoding="utf-8"))
    return code, {finding["rule"]: finding for finding in report["findings"]}


ROWS = [f"C{day % 70},2023-{day // 28 + 1:02d}-{day % 28 + 1:02d},{10 + day % 9}" for day in range(336)]


def test_in_04_a_file_cut_between_rows_is_told_by_what_it_held_before(tmp_path: Path) -> None:
    assert prepared(project(tmp_path, ROWS)) == (0, {})
    assert read_ledger(tmp_path)["orders"]["orders.csv"].rows == len(ROWS)
    # Every third row is gone, and no day looks odd for it.
    code, found = prepared(project(tmp_path, [row for at, row in enumerate(ROWS) if at % 3]))
    assert code == 3
    assert found["data.volume_drop"]["file"] == "orders.csv"
    assert "33.3% fewer" in found["data.volume_drop"]["meaning"]["en"]
    # A run that stops does not become what the next one is compared with.
    assert read_ledger(tmp_path)["orders"]["orders.csv"].rows == len(ROWS)


def test_in_04_a_file_that_lost_all_its_rows_is_told_beside_a_full_one(tmp_path: Path) -> None:
    two = {"histories": {"tables": {"orders": {"file": ["orders.csv", "more.csv"]}}}}
    more = project(tmp_path, ROWS, two) / "raw" / "more.csv"
    more.write_text("id,at,paid\nA1,2023-05-05,3\nA2,2023-05-06,4\n", encoding="utf-8")
    assert prepared(tmp_path) == (0, {})
    more.write_text("id,at,paid\n", encoding="utf-8")
    code, found = prepared(tmp_path)
    assert (code, found["data.volume_drop"]["file"]) == (3, "more.csv")
    assert (found["data.file_empty"]["severity"], found["data.file_empty"]["file"]) == ("warning", "more.csv")
    assert found.keys() == {"data.volume_drop", "data.file_empty"}


@pytest.mark.parametrize(("scope", "count"), [("klingon=1", 1), ("basic", 1), ("plan=basic", 0), ("", 0)])
def test_a_scope_of_nobody_is_told_with_everything_else(scope: str, count: int, tmp_path: Path) -> None:
    plans = {"kind": "spells", "file": "plans.csv", "id": "id", "start": "at", "categories": ["plan"]}
    news = {"kind": "calendar", "file": "news.csv", "time": "at", "type": "type", "scope": "scope"}
    project(tmp_path, ROWS, {"histories": {"tables": {"plans": plans, "news": news}}})
    (tmp_path / "raw" / "plans.csv").write_text("id,at,plan\nC1,2023-02-01,basic\n", encoding="utf-8")
    (tmp_path / "raw" / "news.csv").write_text(f"at,type,scope\n2023-03-01,price,{scope}\n", encoding="utf-8")
    code, found = prepared(tmp_path)
    assert (code, found.get("data.scope_unknown", {}).get("count", 0)) == (3 if count else 0, count)


def test_in_04_a_smaller_delivery_that_is_meant_can_be_borne(tmp_path: Path) -> None:
    prepared(project(tmp_path, ROWS))
    borne = {"checks": {"data.volume_drop": {"severity": "warning"}}}
    code, found = prepared(project(tmp_path, [row for at, row in enumerate(ROWS) if at % 7], borne))
    assert (code, found["data.volume_drop"]["severity"]) == (0, "warning")
    assert read_ledger(tmp_path)["orders"]["orders.csv"].rows == 288


def test_a_small_drop_is_a_note_and_a_damaged_ledger_none(tmp_path: Path) -> None:
    prepared(project(tmp_path, ROWS))
    assert prepared(project(tmp_path, ROWS[1:]))[1]["data.volume_drop"]["severity"] == "info"
    (tmp_path / ".churnml" / "volumes.json").write_text('{"tables": {"orders": 3}}', encoding="utf-8")
    assert prepared(project(tmp_path, ROWS[9:])) == (0, {})


def test_the_ledger_is_private_and_changes_no_result(tmp_path: Path) -> None:
    prepared(project(tmp_path, ROWS[:-5]))
    prepared(project(tmp_path, ROWS))
    prepared(project(tmp_path / "fresh", ROWS))
    manifests = [(root / "data" / "prepared" / "manifest.json").read_bytes() for root in (tmp_path, tmp_path / "fresh")]
    assert manifests[0] == manifests[1]
    assert (tmp_path / ".churnml" / "volumes.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("checks", "rule", "words"),
    [
        ({"data.placeholder_id": {}}, "config.unknown_rule", "Did you mean data.placeholder_ids?"),
        ({"data.customer_twice": {"severity": "info"}}, "config.fixed_rule", "cannot be lowered"),
        ({"data.gap": {"severity": "fatal"}}, "config.choice", "must be one of error, warning, info"),
        ({"data.gap": {"max_shares": 0.1}}, "config.unknown_key", "Did you mean max_share?"),
        ({"data.gap": {"max_share": 2}}, "config.range", "less than or equal to 1"),
    ],
)
def test_what_cannot_be_set_is_said_with_its_line(
    checks: dict[str, Any], rule: str, words: str, tmp_path: Path
) -> None:
    project(tmp_path, ROWS, {"checks": checks})
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        load_params(tmp_path / "params.yaml")
    assert (caught.value.rule, caught.value.exit_code) == (rule, 2)
    assert caught.value.line is not None


def test_a_severity_that_is_raised_stops(tmp_path: Path) -> None:
    rows = [*ROWS, ROWS[-1]]
    assert prepared(project(tmp_path, rows))[0] == 0
    code, found = prepared(project(tmp_path, rows, {"checks": {"data.duplicates": {"severity": "error"}}}))
    assert (code, found["data.duplicates"]["severity"]) == (3, "error")
    borne = {"checks": {"data.duplicates": {"severity": "error", "max_count": 1}}}
    assert prepared(project(tmp_path, rows, borne))[0] == 0


def test_every_rule_is_documented() -> None:
    text = reference_markdown()
    assert [name for name in CATALOGUE if text.count(f"| `{name}` |") != 1] == []


def test_report_says_what_was_read_and_found(tmp_path: Path) -> None:
    many = [f"C{at % 70},2023-{day // 28 + 1:02d}-{day % 28 + 1:02d},{at}" for day in range(336) for at in range(9)]
    code, found = prepared(project(tmp_path, [row for row in many if "2023-06-" not in row]))
    assert (code, set(found)) == (3, {"data.gap"})
    report = json.loads((tmp_path / "reports" / "data_check.json").read_text(encoding="utf-8"))
    assert (
        report["files"][0] | {"first": "2023-01-01", "last": "2023-12-28", "rows": len(many) - 252}
        == report["files"][0]
    )
    assert sum(report["volumes"][0]["rows"]) == len(many) - 252
    page = (tmp_path / "reports" / "data_check.html").read_text(encoding="utf-8")
    for text in (
        "Stopped:",
        "\u5df2\u505c\u6b62",
        "Hardly any rows from 29 May 2023",
        "Files, as delivered",
        '<rect class="fill1"',
    ):
        assert text in page
