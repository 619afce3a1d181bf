"""What was agreed for an alarm, bound to the verdict of a small company."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from page_reader import PageReader
from small_company import PROJECT, write_params
from test_cli import churnml

from churnml.config import Params, load_params
from churnml.config.crises import Crises
from churnml.errors import ConfigError
from churnml.exports.warning_page import warning_lines, warning_page
from churnml.flow.crisis_playbook import crisis_playbook, with_response_digest
from churnml.flow.response import alerts_of, check_response, possible_alarms, with_response
from churnml.flow.warning_series import watched_series
from churnml.histories.store import History, open_history
from churnml.relationship.warning.weeks import weeks_until

ROWS = (PROJECT / "crisis_playbook.csv").read_text(encoding="utf-8")


@pytest.fixture
def history(golden: Path) -> History:
    return open_history(golden / "data/prepared")


@pytest.fixture
def agreed(golden: Path, tmp_path: Path) -> Params:
    """The parameters of the small company with the project's playbook, in a folder of its own."""
    shutil.copy(PROJECT / "crisis_playbook.csv", tmp_path)
    params = load_params(golden / "params.yaml")
    return params.model_copy(
        update={"response": params.response.model_copy(update={"playbook": "crisis_playbook.csv"})}
    )


def raised(golden: Path, **since: str) -> dict[str, Any]:
    """Return the verdict as if these figures had been out of line since these weeks."""
    told = json.loads((golden / "reports/warning.json").read_text(encoding="utf-8"))
    for each in told["figures"]:
        each["since"] = since.get(each["name"])
        each["since_observed"], each["since_expected"] = (9, 3.0) if each["since"] else (None, None)
    return {**told, "verdict": "alarm", "alarms": list(since)}


def test_every_figure_that_is_watched_is_an_alarm_the_playbook_must_answer(golden: Path, history: History) -> None:
    params = load_params(golden / "params.yaml")
    weeks = weeks_until(history.as_of, first=history.tables["orders"].first_us, most=260)
    watched = {watch.series.name.partition(":")[0] for watch in watched_series(params, history, weeks)}
    assert watched <= set(possible_alarms(params, history))
    assert {"losses", "activity", "complaints", "cancellations", "csat_low", "nps_low"} <= watched


def test_due_times_run_from_the_end_of_the_first_week_that_stands_out(
    golden: Path, agreed: Params, history: History, tmp_path: Path
) -> None:
    found = with_response(raised(golden, losses="2024-06-09"), agreed, history, root=tmp_path)
    assert [each.raised_us for each in alerts_of(found, at=history.as_of)] == [
        int(datetime(2024, 6, 16, tzinfo=UTC).timestamp()) * 1_000_000
    ]
    actions = found["response"]["actions"]
    assert [(each["owner"], each["due_at"], each["is_past"]) for each in actions] == [
        ("Head of retention", "2024-06-16T04:00:00Z", True),
        ("Retention team", "2024-06-18", True),
    ]


def test_a_crisis_binds_from_when_it_had_begun_and_was_known_until_it_is_over(
    golden: Path, agreed: Params, history: History, tmp_path: Path
) -> None:
    days = {"start": "2024-06-20", "known_at": "2024-06-22", "severity": "minor"}
    told = [{"name": "rumour", "type": "brand_reputation", **days}, {"name": "fire", "type": "operations", **days}]
    told[1]["end"] = "2024-06-30"
    params = agreed.model_copy(update={"crises": Crises.model_validate(told)})
    actions = with_response(raised(golden), params, history, root=tmp_path)["response"]["actions"]
    assert [(each["alert"], each["names"], each["due_at"]) for each in actions] == [
        ("brand_reputation", ["rumour"], "2024-06-23")
    ]


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("Retention team", "Fewer active customers", "That it is being")),
        ("zh", ("客户流失", "告知正在核实处理")),
    ],
)
def test_page_and_terminal_say_who_does_what_by_when(
    golden: Path, agreed: Params, history: History, tmp_path: Path, language: str, texts: tuple[str, ...]
) -> None:
    found = with_response(raised(golden, losses="2024-06-23", activity="2024-06-23"), agreed, history, root=tmp_path)
    page = PageReader(warning_page(found, language=language)).text
    assert all(text in page for text in (*texts, "2024-06-30 04:00", "crisis_playbook.csv"))
    lines = [line for line in warning_lines(found, language=language) if "2024-06-30 04:00" in line]
    assert len(lines) == 2  # one of either alert


def test_without_a_playbook_the_page_says_that_none_is_agreed(golden: Path, history: History) -> None:
    params = load_params(golden / "params.yaml")
    found = with_response(raised(golden, losses="2024-06-23"), params, history, root=golden)
    assert (found["response"]["playbook"], found["response"]["actions"]) == (None, [])
    page = PageReader(warning_page(found)).text
    assert "No playbook is agreed" in page
    assert "尚未约定应急预案" in page


def test_an_alarm_that_is_left_out_stops_on_a_quiet_day_and_is_named(
    agreed: Params, history: History, tmp_path: Path
) -> None:
    lines = [line for line in ROWS.splitlines(keepends=True) if not line.startswith(("refunds", "csat_low"))]
    (tmp_path / "crisis_playbook.csv").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"crisis_playbook\.csv: .*: refunds, csat_low, nps_low\."):
        check_response(agreed, history, root=tmp_path)


@pytest.mark.parametrize("kind", ["losses", "outside_event"])
def test_what_the_parameters_alone_can_raise_stops_before_anything_is_read(
    agreed: Params, tmp_path: Path, kind: str
) -> None:
    lines = [line for line in ROWS.splitlines(keepends=True) if not line.startswith(kind)]
    (tmp_path / "crisis_playbook.csv").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"can be raised: {kind}\\."):
        crisis_playbook(agreed, root=tmp_path)


def test_a_changed_playbook_changes_the_parameters(agreed: Params, tmp_path: Path) -> None:
    first = with_response_digest(agreed, root=tmp_path).response.playbook_digest
    (tmp_path / "crisis_playbook.csv").write_text(ROWS + "\n", encoding="utf-8")
    second = with_response_digest(agreed, root=tmp_path).response.playbook_digest
    assert re.fullmatch("[0-9a-f]{64}", first or "")
    assert first != second


def test_check_ends_with_2_and_names_what_is_missing(
    golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(golden / "data/simulated", tmp_path / "data/simulated")
    write_params(tmp_path, {"response": {"playbook": "c.csv"}})
    lines = [line for line in ROWS.splitlines(keepends=True) if not line.startswith("complaints")]
    (tmp_path / "c.csv").write_text("".join(lines), encoding="utf-8")
    assert churnml("check", folder=tmp_path) == 2
    assert "complaints" in capsys.readouterr().err
