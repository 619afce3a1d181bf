"""The early warning, against the raw rows of a small company."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from page_reader import PageReader
from small_company import another
from test_cli import churnml

from churnml.config import load_params
from churnml.exports.warning_page import warning_lines, warning_page
from churnml.flow import warning_series
from churnml.flow.warning import exit_code_of, figures_of, verdict_of
from churnml.flow.warning_parts import excess_by_part
from churnml.flow.warning_series import Watch
from churnml.histories.store import open_history
from churnml.relationship.warning.watch import Series
from churnml.relationship.warning.weeks import weeks_until
from churnml.timeline import DAY_US

NOW = datetime(2024, 6, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def told(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "reports/warning.json").read_text(encoding="utf-8"))


def figure(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in told["figures"] if each["name"] == name)


def test_losses_and_who_was_at_risk_are_those_of_the_raw_orders(golden: Path, told: dict[str, Any]) -> None:
    """A silence of 30 days is a loss; at risk is who bought within 90 days, as far as it was known."""
    rows = pq.read_table(golden / "data/simulated/orders.parquet").to_pylist()
    orders = [r for r in rows if r["net_amount"] >= 0 and r["loaded_at"] <= NOW]
    at: dict[str, list[datetime]] = {}
    for row in orders:
        at.setdefault(row["customer_id"], []).append(row["ordered_at"])
    for back in (1, 2, 10):
        start = NOW - timedelta(days=7 * back)
        lost = 0
        for times in at.values():
            ends = [*sorted(set(times))[1:], datetime.max.replace(tzinfo=UTC)]
            for one, following in zip(sorted(set(times)), ends, strict=True):
                since = one + timedelta(days=30)
                lost += following > since and start < since <= start + timedelta(days=7)
        there = {
            r["customer_id"]
            for r in orders
            if max(r["ordered_at"], r["loaded_at"]) <= start and r["ordered_at"] > start - timedelta(days=90)
        }
        week = figure(told, "losses")["weeks"][-back]
        assert (week["start"], week["observed"], week["of"]) == (start.date().isoformat(), lost, len(there))


def test_the_verdict_is_dated_and_says_what_it_is_made_of(told: dict[str, Any]) -> None:
    assert told["as_of"].startswith("2024-06-30")
    assert told["verdict"] in {"quiet", "alarm"}
    assert {"losses", "activity"} <= {each["name"] for each in told["figures"]}
    assert (told["verdict"] == "alarm") == bool(told["alarms"])


def test_the_page_reads_in_both_languages(golden: Path) -> None:
    page = PageReader((golden / "reports/warning.html").read_bytes())
    assert "Early warning" in page.text
    assert "预警" in page.text
    assert "script" not in page.tags


def test_axes_of_counts_have_whole_numbers(told: dict[str, Any]) -> None:
    week = {**figure(told, "losses")["weeks"][-1], "expected": 0.4, "limit": None}
    big = {**figure(told, "losses"), "weeks": [{**week, "start": "2024-01-01", "observed": n} for n in (3, 812)]}
    low = {**big, "weeks": [{**week, "start": "2024-01-01", "observed": n} for n in (1, 2)]}
    marks = [warning_page({**told, "figures": [each]}).decode() for each in (big, low)]
    assert ">800<" in marks[0]
    assert ">800.00<" not in marks[0]
    assert ">0.50<" in marks[1]


def test_the_command_writes_the_verdict_and_its_code(
    golden: Path, tmp_path: Path, told: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    code = churnml("warn", "--out", str(tmp_path), folder=golden)
    assert code == exit_code_of(told)
    assert json.loads((tmp_path / "warning.json").read_text(encoding="utf-8")) == told
    assert (tmp_path / "warning.html").read_bytes() == (golden / "reports/warning.html").read_bytes()
    assert "30 Jun 2024" in capsys.readouterr().out


def watch(name: str, counts: np.ndarray, **more: Any) -> Watch:
    n = len(counts)
    series = Series(name, counts, np.full(n, 900.0), np.ones(n), np.ones(n, dtype=bool), more.pop("falls", False))
    return Watch(series, ("tickets",), **more)


@pytest.fixture
def silent(golden: Path) -> dict[str, Any]:
    """A company whose tickets of the last week did not come."""
    rng, params = np.random.default_rng(0), load_params(golden / "params.yaml")
    counts = rng.poisson(40, 120).astype(float)
    counts[-1] = 0
    watches = [
        watch("losses", rng.poisson(30, 120).astype(float)),
        watch("complaints", counts, channel="arrivals:tickets"),
        watch("arrivals:tickets", counts, falls=True, is_channel=True),
    ]
    weeks = weeks_until(int(NOW.timestamp() * 1e6), first=int(NOW.timestamp() * 1e6) - 120 * 7 * DAY_US, most=200)
    figures = figures_of(params, watches, weeks)
    alarms = [each["name"] for each in figures if each["since"] is not None]
    rule = {"as_of": NOW.isoformat(), "false_alarms_per_year": 0.2, "guard_weeks": 8}
    return {**rule, "verdict": "alarm", "alarms": alarms, "figures": figures, "parts": []}


def test_a_silent_channel_alerts_and_its_figure_is_missing_never_zero(silent: dict[str, Any]) -> None:
    assert silent["alarms"] == ["arrivals:tickets"]
    assert figure(silent, "arrivals:tickets")["status"] == "silent"
    last = figure(silent, "complaints")["weeks"][-1]
    assert (last["status"], last["observed"]) == ("missing", None)
    assert figure(silent, "losses")["status"] == "quiet"
    page = PageReader(warning_page(silent)).text
    assert "silent. Not a single one came in the week from 23 Jun 2024" in page
    assert any("missing for the week" in line for line in warning_lines(silent, language="en"))


def test_the_excess_is_shared_out_to_the_hundredth_and_losses_are_those_of_the_raw_rows(golden: Path) -> None:
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data/prepared")
    weeks = weeks_until(history.as_of, first=history.tables["orders"].first_us, most=260)
    found = excess_by_part(params, history, weeks, since=len(weeks.starts) - 6, guard=8, expected=7.77)
    told = verdict_of(params, history)
    losses = figure(told, "losses")["weeks"][-6:]
    lost = sum(week["observed"] for week in losses)
    assert "segment" in {part["by"].partition(":")[0] for part in found}
    for part in found:
        rows = part["levels"]
        assert sum(row["observed"] for row in rows) == lost
        assert sum(round(100 * row["due"]) for row in rows) == 777
        assert sum(round(100 * row["excess"]) for row in rows) == 100 * lost - 777
        assert sum(row["share"] for row in rows) == pytest.approx(1.0, abs=1e-4)
        if part["by"] == "cause":
            assert {row["at_risk"] for row in rows} == {None}
        else:
            assert sum(row["at_risk"] for row in rows) == losses[-1]["of"]
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    page = PageReader(warning_page({**told, "parts": found})).text
    assert "Where the excess of losses comes from" in page


def test_missing_rows_are_a_silence_of_their_channel_and_leave_activity_known(
    golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warning_series, "_LEAST_ARRIVALS", 0.1)
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data/prepared")
    week = history.as_of - 7 * DAY_US
    history = dataclasses.replace(history, holes=(("tickets", week, history.as_of),))
    weeks = weeks_until(history.as_of, first=history.tables["orders"].first_us, most=260)
    made = {each.series.name: each for each in warning_series.watched_series(params, history, weeks)}
    assert made["arrivals:tickets"].series.known[-1]
    assert not made["complaints"].series.known[-1]
    assert made["complaints"].series.known[-3]
    assert made["activity"].series.known[-1]
    assert "tickets" not in made["activity"].tables


def test_ready_labels_have_no_dates_and_no_verdict(golden: Path) -> None:
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data/prepared")
    ready = params.model_copy(update={"churn": params.churn.model_copy(update={"definition": "label"})})
    told = verdict_of(ready, history)
    assert (told["verdict"], told["figures"], exit_code_of(told)) == ("unknown", [], 4)
    assert "nothing can be said" in PageReader(warning_page(told)).text


def test_the_verdict_of_an_earlier_date_is_that_of_the_rows_known_then(golden: Path, tmp_path: Path) -> None:
    """Rows that came later change no byte of it, and the last verdict stays."""
    root = another(tmp_path / "then", golden)
    assert churnml("warn", "--as-of", "2024-04-01", folder=root) in {0, 4, 5}
    place = root / "reports" / "as_of" / "2024-04-01" / "warning.json"
    first = place.read_bytes()
    assert json.loads(first)["as_of"].startswith("2024-04-01")
    orders = root / "data" / "simulated" / "orders.parquet"
    table = pq.read_table(orders)
    then = datetime(2024, 4, 1, tzinfo=UTC)
    known = [max(row["ordered_at"], row["loaded_at"]) <= then for row in table.to_pylist()]
    pq.write_table(table.filter(pa.array(known)), orders)
    churnml("warn", "--as-of", "2024-04-01", folder=root)
    assert place.read_bytes() == first
    assert not (root / "reports" / "warning.json").exists()


def test_a_crisis_that_lasts_is_the_regime_and_stands_on_the_page(golden: Path) -> None:
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data/prepared")
    fire = {"name": "fire", "type": "operations", "start": "2024-06-01"}
    crises = type(params.crises).model_validate({"declared": [fire, {**fire, "name": "over", "end": "2024-06-20"}]})
    found = verdict_of(params.model_copy(update={"crises": crises}), history)
    assert (found["regime"], [each["name"] for each in found["crises"]]) == ("crisis", ["fire"])
    assert "The crisis “fire” has lasted since 2024-06-01" in PageReader(warning_page(found)).text
    assert any("危机“fire”" in line for line in warning_lines(found, language="zh"))
