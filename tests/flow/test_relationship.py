"""The whole report on a small invented company, checked against its raw files row by row."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from factories import DAY
from scipy.linalg import null_space
from small_company import PROJECT, merged

from churnml.config import Params
from churnml.errors import ConfigError, DataError, TimeContractError
from churnml.flow.raw import prepare_histories
from churnml.flow.relationship import KEPT, make_report, write_report
from churnml.flow.relationship_on_demand import issue_again, kept_lines
from churnml.histories.store import History, open_history
from churnml.relationship.assessment.record import keep_report
from churnml.simulation import simulate

END = "2024-06-30"
SPREADSHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
Report = dict[str, Any]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the raw files of an invented company and what was prepared of them."""
    root = tmp_path_factory.mktemp("relations")
    simulate(n_customers=500, months=24, seed=11, end=END, folder=root / "raw", truth=root / "truth")
    prepare(root, params_of({}), root / "prepared")
    return root


def params_of(relationship: Mapping[str, Any], **changes: Any) -> Params:
    written = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    base = {name: written[name] for name in ("histories", "churn", "clv", "treatments")}
    base = merged(base, {"histories": {"folder": "raw"}, "churn": {"settle_days": 0}, **changes})
    return Params.model_validate({**base, "relationship": dict(relationship)})


def prepare(root: Path, params: Params, target: Path) -> History:
    return prepare_histories(params, root=root, target=target, check=root / "c.json", check_page=root / "c.html")


def report_of(company: Path, relationship: Mapping[str, Any], tmp_path: Path, **changes: Any) -> Report:
    history = open_history(company / "prepared")
    return make_report(params_of(relationship, **changes), history, None, root=tmp_path)


@pytest.fixture(scope="module")
def usual(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return the report with every default."""
    return report_of(company, {}, tmp_path_factory.mktemp("usual"))


def cell(report: Report, name: str, way: str = "all", level: str = "all") -> Report:
    return next(f for f in report["figures"] if f["name"] == name)["cells"][way][level]


def raw(company: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(company / "raw" / f"{table}.parquet").to_pylist()


def us(row: dict[str, Any], key: str) -> int:
    return round(row[key].timestamp() * 1e6)


def test_every_count_is_that_of_the_raw_rows(company: Path, usual: Report) -> None:
    report = usual
    end = 1_719_705_600_000_000
    begin = end - 90 * DAY

    def within(row: dict[str, Any], key: str) -> bool:
        return begin < us(row, key) <= end

    answers = [row for row in raw(company, "surveys") if within(row, "answered_at")]
    csat = [row["csat"] for row in answers if row["csat"] is not None]
    nps = [row["nps"] for row in answers if row["nps"] is not None]
    assert (cell(report, "csat")["count"], cell(report, "csat")["n"]) == (sum(s >= 4 for s in csat), len(csat))
    assert cell(report, "nps")["value"] == pytest.approx(
        100 * (sum(s >= 9 for s in nps) - sum(s <= 6 for s in nps)) / len(nps)
    )
    assert cell(report, "complaints")["count"] == sum(within(row, "opened_at") for row in raw(company, "tickets"))
    done = [row for row in raw(company, "ticket_answers") if within(row, "answered_at")]
    assert cell(report, "speed")["n"] == len(done)
    assert cell(report, "speed")["value"] == pytest.approx(np.mean([r["response_hours"] for r in done]), abs=0.01)
    assert cell(report, "reopened")["count"] == sum(row["reopened"] for row in done)
    assert cell(report, "open")["count"] == len(raw(company, "tickets")) - len(raw(company, "ticket_answers"))
    orders = [r for r in raw(company, "orders") if us(r, "ordered_at") <= end and us(r, "loaded_at") <= end]
    rows = [r for r in orders if r["net_amount"] >= 0]
    visits = sum(within(row, "visited_at") for row in raw(company, "visits"))
    bought = sum(within(row, "ordered_at") for row in rows)
    tickets = cell(report, "complaints")["count"]
    assert cell(report, "frequency")["count"] == visits + bought + tickets + len(answers)
    ever: dict[str, int] = defaultdict(int)
    for row in rows:
        ever[row["customer_id"]] += 1
    buyers = {row["customer_id"] for row in rows if within(row, "ordered_at")}
    assert (cell(report, "repeat")["count"], cell(report, "repeat")["n"]) == (
        sum(ever[name] > 1 for name in buyers),
        len(buyers),
    )


def test_churn_is_who_bought_before_and_not_since(company: Path, usual: Report) -> None:
    report = usual
    end = 1_719_705_600_000_000
    date = end - 90 * DAY
    rows = [r for r in raw(company, "orders") if us(r, "ordered_at") <= end and us(r, "loaded_at") <= end]
    bought = [r for r in rows if r["net_amount"] >= 0]
    known = [r for r in bought if us(r, "ordered_at") <= date and us(r, "loaded_at") <= date]
    at_risk = {r["customer_id"] for r in known if us(r, "ordered_at") > date - 180 * DAY}
    stayed = {r["customer_id"] for r in bought if us(r, "ordered_at") > date}
    told = cell(report, "churn")
    assert (told["count"], told["n"]) == (len(at_risk - stayed), len(at_risk))
    money: dict[str, int] = defaultdict(int)
    for row in rows:
        if date - 365 * DAY < us(row, "ordered_at") <= date and us(row, "loaded_at") <= date:
            money[row["customer_id"]] += int(row["net_amount"] * 100)
    lost = sum(max(money[name], 0) for name in at_risk - stayed)
    assert cell(report, "revenue_churn")["count"] == f"{lost / 100:.2f}"


def test_groups_add_up_to_everybody(usual: Report) -> None:
    report = usual
    for entry in report["figures"]:
        for way, levels in entry["cells"].items():
            if not any(each.get("hidden") for each in levels.values()):
                total = sum(float(each["n"]) for each in levels.values())
                assert total == pytest.approx(float(cell(report, entry["name"])["n"])), (entry["name"], way)


@pytest.mark.slow
def test_an_earlier_period_is_told_as_it_was_known_then(company: Path, tmp_path: Path) -> None:
    earlier = "2024-03-01"
    then = params_of({}, histories={"folder": "raw", "as_of": earlier})
    history = prepare(company, then, tmp_path / "then")
    made_then = make_report(then, history, None, root=tmp_path / "a")
    looking_back = report_of(company, {"period_end": earlier}, tmp_path / "b")
    for part in ("figures", "series", "tiers", "weak_points", "drivers", "lines", "band", "survey"):
        assert looking_back[part] == made_then[part], part


@pytest.mark.slow
def test_same_input_same_bytes_and_issued_again_with_the_same(company: Path, tmp_path: Path) -> None:
    first = report_of(company, {}, tmp_path)
    again = report_of(company, {}, tmp_path)
    assert again == first
    places = {kind: tmp_path / "first" / f"relationship.{kind}" for kind in ("json", "html", "xlsx")}
    write_report(first, details=places["json"], page=places["html"], workbook=places["xlsx"])
    issued = issue_again(tmp_path, first["id"])
    for kind, path in places.items():
        assert (issued.page.parent / f"relationship.{kind}").read_bytes() == path.read_bytes(), kind
    assert kept_lines(tmp_path) == [f"relationship  {END}  {first['id']}"]
    with pytest.raises(ConfigError, match="no report of that id"):
        issue_again(tmp_path, "0" * 12)


@pytest.mark.slow
def test_the_next_report_compares_and_follows_up(company: Path, tmp_path: Path) -> None:
    head = "action,owner,due,metric,expected_effect,started\n"
    (tmp_path / "actions.csv").write_text(head + "Call back,Ann,2024-05-01,csat,0.05,\nOld one,Bo,2024-05-01,nps,1,\n")
    first = report_of(company, {"period_end": "2024-04-01", "actions": "actions.csv"}, tmp_path)
    assert [row["effect"] for row in first["actions"]] == [0.0, 0.0]
    (tmp_path / "actions.csv").write_text(head + "Call back,Ann,2024-05-01,csat,0.05,\n")
    second = report_of(company, {"actions": "actions.csv"}, tmp_path)
    assert [row["status"] for row in second["actions"]] == ["overdue", "dropped"]
    moved = cell(second, "csat")["value"] - cell(first, "csat")["value"]
    assert second["actions"][0]["effect"] == pytest.approx(moved)
    assert second["lineage"]["last_report"] == first["id"]
    assert cell(second, "csat")["previous"]["value"] == pytest.approx(cell(first, "csat")["value"])


def test_another_population_or_question_needs_another_name(company: Path, usual: Report, tmp_path: Path) -> None:
    keep_report(usual, tmp_path / KEPT / "relationship")
    some = {"population": {"column": "segment", "value": "consumer"}}
    with pytest.raises(ConfigError, match="about another population") as caught:
        report_of(company, some, tmp_path)
    assert caught.value.exit_code == 2
    with pytest.raises(ConfigError, match="about another question"):
        report_of(company, {"question": "And now?"}, tmp_path)
    told = report_of(company, {**some, "name": "consumers"}, tmp_path)
    assert cell(told, "churn")["n"] == cell(usual, "churn", "segment:segment", "consumer")["n"]


def test_nobody_is_no_population(company: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no customer of the period is in the population"):
        report_of(company, {"population": {"column": "segment", "value": "none such"}}, tmp_path)


@pytest.mark.slow
def test_repeat_buyers_are_a_population(company: Path, tmp_path: Path) -> None:
    told = report_of(company, {"population": {"buyers": "repeat"}}, tmp_path / "a")
    everybody = report_of(company, {}, tmp_path / "b")
    assert cell(told, "churn")["n"] == cell(everybody, "churn", "buyers", "repeat")["n"]


def test_a_period_beyond_the_data_is_refused(company: Path, tmp_path: Path) -> None:
    with pytest.raises(TimeContractError, match="the period ends after"):
        report_of(company, {"period_end": "2024-07-01"}, tmp_path)


@pytest.mark.slow
def test_a_changed_definition_is_told_by_both(company: Path, tmp_path: Path) -> None:
    first = report_of(company, {"period_end": "2024-04-01", "sla_hours": 24}, tmp_path)
    second = report_of(company, {"sla_hours": 48}, tmp_path)
    told = {(entry["figure"], entry["definition"]): entry for entry in second["breaks"]}
    assert set(told) == {("sla_breach", "sla_hours"), ("overdue", "sla_hours")}
    broken = told["sla_breach", "sla_hours"]
    assert (broken["old"], broken["new"]) == (24.0, 48.0)
    assert broken["by_old"]["previous"]["count"] == cell(first, "sla_breach")["count"]
    assert broken["by_new"]["count"] == cell(second, "sla_breach")["count"]
    assert cell(second, "csat")["n"]
    declared = report_of(company, {"earlier": {"csat_satisfied_from": 5}, "name": "other"}, tmp_path)
    assert [entry["figure"] for entry in declared["breaks"]] == ["csat"]
    assert declared["breaks"][0]["by_old"]["count"] < declared["breaks"][0]["by_new"]["count"]


WITHOUT = {"surveys": None, "tickets": None, "answers": None, "subscriptions": None, "changes": None}


def test_without_surveys_and_tickets_it_says_what_is_missing(company: Path, tmp_path: Path) -> None:
    params = params_of({}, histories={"folder": "raw", "tables": {**WITHOUT, "visits": None, "customers": None}})
    history = prepare(company, params, tmp_path / "bare")
    report = make_report(params, history, None, root=tmp_path)
    assert {"csat", "nps", "speed", "membership", "referral"} <= set(report["missing"])
    assert {f["name"] for f in report["figures"]} >= {"churn", "revenue_churn", "frequency", "repeat"}
    assert report["survey"] is None
    write_report(report, details=tmp_path / "r.json", page=tmp_path / "r.html", workbook=tmp_path / "r.xlsx")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No survey of satisfaction" in page
    assert "没有满意度问卷" in page


def shown_and_hidden(report: Report, name: str) -> tuple[dict[tuple[str, str], float], list[tuple[str, str]]]:
    """Return the customers of each shown cell of a figure, and the cells that are held back."""
    entry = next(f for f in report["figures"] if f["name"] == name)
    cells = {(way, level): c for way, levels in entry["cells"].items() for level, c in levels.items()}
    return {k: c["customers"] for k, c in cells.items() if not c.get("hidden")}, [
        k for k, c in cells.items() if c.get("hidden")
    ]


@pytest.fixture(scope="module")
def tight(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return a report with many groups too small to be shown."""
    zero = {"churn": {"high": 0.0}}
    return report_of(company, {"minimum": 25, "targets": zero}, tmp_path_factory.mktemp("tight"))


@pytest.mark.parametrize("name", ["csat", "nps", "churn", "sla_breach", "referral", "response", "frequency"])
def test_ep_17_no_hidden_group_can_be_solved_for(tight: Report, name: str) -> None:
    shown, hidden = shown_and_hidden(tight, name)
    assert all(count >= 25 or count == 0 for count in shown.values())
    levels: dict[str, list[str]] = defaultdict(list)
    for way, level in [*shown, *hidden]:
        levels[way].append(level)
    ways = sorted(set(levels) - {"all"})
    # One unknown for each pair of levels of two ways, whose sums are what is shown.
    for a, b in ((a, b) for a in ways for b in ways if a < b):
        unknown = [(x, y) for x in levels[a] for y in levels[b]]
        rows = [[1.0] * len(unknown)] if ("all", "all") in shown else []
        rows += [[float(x == level) for x, _ in unknown] for level in levels[a] if (a, level) in shown]
        rows += [[float(y == level) for _, y in unknown] for level in levels[b] if (b, level) in shown]
        free = null_space(np.array(rows)) if rows else np.eye(len(unknown))
        for way, level in (key for key in hidden if key[0] in {a, b}):
            summed = np.array([float((x if way == a else y) == level) for x, y in unknown])
            assert np.abs(summed @ free).max() > 1e-8, (way, level)


def test_ep_17_what_is_hidden_stands_in_no_file(tight: Report, tmp_path: Path) -> None:
    hidden = [
        each
        for entry in tight["figures"]
        for levels in entry["cells"].values()
        for each in levels.values()
        if each.get("hidden")
    ]
    assert len(hidden) > 20
    assert all(each == {"hidden": True} for each in hidden)
    paths = {kind: tmp_path / f"r.{kind}" for kind in ("json", "html", "xlsx")}
    write_report(tight, details=paths["json"], page=paths["html"], workbook=paths["xlsx"])
    assert json.loads(paths["json"].read_text(encoding="utf-8")) == json.loads(json.dumps(tight))
    page = paths["html"].read_text(encoding="utf-8")
    assert page.count("withheld") > 20
    assert "不公布" in page
    with zipfile.ZipFile(paths["xlsx"]) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet2.xml"))
    rows = [list(row) for row in sheet.iter(f"{SPREADSHEET}row")]
    empty = [row for row in rows if not any(c.get("t") is None and c.find(f"{SPREADSHEET}v") is not None for c in row)]
    # The header, and a row without a single number for each hidden cell.
    assert len(empty) == 1 + len(hidden)


def test_page_and_workbook_tell_the_same_figures_in_both_languages(tight: Report, tmp_path: Path) -> None:
    report = tight
    write_report(report, details=tmp_path / "r.json", page=tmp_path / "r.html", workbook=tmp_path / "r.xlsx")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    english, chinese = page.split('<article class="view-zh"')
    value = f"{100 * cell(report, 'churn')['value']:.1f}%"
    assert value in english
    assert value in chinese
    assert "No company reaches it" in english
    assert "没有公司能做到" in chinese
    assert "<script" not in page


@pytest.mark.slow
def test_history_of_one_period_has_nothing_to_compare(company: Path, tmp_path: Path) -> None:
    report = report_of(company, {"period_days": 700}, tmp_path)
    assert "previous" not in cell(report, "churn")
    assert report["tiers"] is None
    shutil.rmtree(tmp_path / ".churnml")
