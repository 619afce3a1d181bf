"""Whether the data suffice, said from counts alone and before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_company import write_params

from churnml.config import Params, load_params
from churnml.flow.enough import add_to_report, enough, enough_lines
from churnml.flow.raw import prepare_histories
from churnml.histories.store import open_history


def counted(golden: Path, folder: Path, *changes: dict[str, Any]) -> tuple[dict[str, Any], Params]:
    write_params(folder, *changes)
    params = load_params(folder / "params.yaml")
    return enough(open_history(golden / "data" / "prepared"), params, folder), params


def test_the_counts_are_those_that_labels_have(golden: Path, tmp_path: Path) -> None:
    found, _ = counted(golden, tmp_path)
    by_date = json.loads((golden / "reports" / "labels.json").read_text(encoding="utf-8"))["by_date"]
    assert found["churned"] == sum(each["churned"] for each in by_date.values())
    newest = by_date[found["tested_dates"][-1]]
    assert (found["tested_churned"], found["tested_customers"]) == (
        newest["churned"],
        newest["churned"] + newest["stayed"],
    )
    assert found["auc"]["low"] < 0.8 < found["auc"]["high"]


def test_what_would_help_is_named(golden: Path, tmp_path: Path) -> None:
    found, _ = counted(golden, tmp_path)
    text = "\n".join(enough_lines(found, language="en"))
    assert "log of past campaigns" in text  # the small company has none
    assert "A table of customers" not in text
    assert "95%" in "\n".join(enough_lines(found, language="zh"))


def test_too_long_a_horizon_is_told_and_is_no_crash(golden: Path, tmp_path: Path) -> None:
    found, _ = counted(golden, tmp_path, {"churn": {"horizon_days": 3000, "settle_days": 365}, "clv": None})
    assert found["verdict"] in {"none", "precise", "usable", "rough", "too_few"}
    found, _ = counted(golden, tmp_path, {"churn": {"horizon_days": 30, "lead_days": 3000}, "clv": None})
    assert found["verdict"] == "none"
    assert "history" in found["texts"][0]["en"]


def test_the_report_and_its_page_say_it(golden: Path, tmp_path: Path) -> None:
    report, page = tmp_path / "check.json", tmp_path / "check.html"
    found, params = counted(golden, tmp_path)
    prepare_histories(params, root=golden, target=tmp_path / "again", check=report, check_page=page, remember=False)
    add_to_report(found, report, page)
    assert json.loads(report.read_text(encoding="utf-8"))["enough"]["verdict"] == found["verdict"]
    html = page.read_text(encoding="utf-8")
    assert "Do the data suffice?" in html
    assert "数据是否充足" in html


@pytest.mark.parametrize("name", ["customers", "tickets"])
def test_a_source_more_is_one_wish_less(name: str, golden: Path, tmp_path: Path) -> None:
    few = dict.fromkeys(("customers", "subscriptions", "tickets", "surveys", "changes"))
    plain = {"campaign": dict.fromkeys(("segment", "teams", "playbook"))}
    bare, _ = counted(golden, tmp_path / "bare", {"histories": {"tables": few}, **plain})
    more = {each: None for each in few if each != name}
    with_it, _ = counted(golden, tmp_path / "more", {"histories": {"tables": more}, **plain})
    assert len(with_it["bring"]) == len(bare["bring"]) - 1
