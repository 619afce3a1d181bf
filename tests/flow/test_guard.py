"""The register of crises, the regime, and what is refused while it is not normal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from crisis_params import BASE, day
from memory_history import memory_history

from churnml.config import Params, load_params
from churnml.errors import ModelError
from churnml.flow.changes import changes_of
from churnml.flow.crises import crises_of
from churnml.flow.guard import guard_refusal, regime_at, regime_of
from churnml.histories.crises import regime_words
from churnml.timeline import DAY_US

FIRE = {"name": "fire", "type": "operations", "start": "2024-06-01"}


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Params]:
    def of(**blocks: object) -> Params:
        path = tmp_path / "params.yaml"
        path.write_text(BASE + (yaml.safe_dump(blocks) if blocks else ""), encoding="utf-8")
        return load_params(path)

    return of


def history(*rows: dict[str, object]) -> object:
    news = ("calendar", list(rows))
    return memory_history(day("2024-06-30"), {"customers": ("customers", [{"id": "a"}]), "news": news})


def entry(kind: str, start: str, **more: object) -> dict[str, object]:
    return {"occurred_at": day(start), "known_at": day(start), "type": kind, **more}


def verdict(folder: Path, as_of: str, alarms: list[str]) -> Path:
    path = folder / "warning.json"
    figures = [{"name": "losses", "since": "2024-06-10"}]
    path.write_text(json.dumps({"as_of": f"{as_of}T00:00:00Z", "alarms": alarms, "figures": figures}))
    return path


def test_entries_of_the_calendar_are_crises_by_their_kind(load: Callable[..., Params]) -> None:
    params = load(crises={"kinds": {"outage": {"type": "operations", "severity": "severe"}}})
    known = history(entry("price_change", "2024-01-01"), entry("outage", "2024-02-01"), entry("finance", "2024-03-01"))
    found = crises_of(params, known, known_by=day("2024-06-30"))
    assert [(each.name, each.type, each.severity) for each in found] == [
        ("outage-news-2", "operations", "severe"),
        ("finance-news-3", "finance", "serious"),
    ]


def test_what_is_known_later_is_not_there_yet(load: Callable[..., Params]) -> None:
    late = {**FIRE, "known_at": "2024-06-10"}
    params, known = load(crises=[late]), history(entry("finance", "2024-05-01") | {"known_at": day("2024-06-10")})
    assert crises_of(params, known, known_by=day("2024-06-09")) == []
    assert len(crises_of(params, known, known_by=day("2024-06-10"))) == 2


@pytest.mark.parametrize(
    ("more", "state", "until"),
    [
        ({}, "crisis", None),
        ({"end": "2024-08-01"}, "crisis", "2024-08-01"),
        ({"end": "2024-06-30"}, "normal", None),
        ({"severity": "minor"}, "normal", None),
        ({"start": "2024-07-01"}, "normal", None),
        ({"start": "2024-06-30"}, "crisis", None),
    ],
)
def test_the_regime_is_that_of_the_crises_that_last(
    load: Callable[..., Params], more: dict[str, str], state: str, until: str | None
) -> None:
    regime = regime_of(load(crises=[{**FIRE, **more}]), None, verdict=None)
    assert (regime.state, regime.until) == (state, until)


def test_a_crisis_declared_since_counts_now(load: Callable[..., Params]) -> None:
    params = load(crises=[{**FIRE, "start": "2024-07-05", "end": "2024-07-20"}])
    assert regime_of(params, None, verdict=None, now=day("2024-07-10")).state == "crisis"
    assert regime_of(params, None, verdict=None, now=day("2024-07-20")).state == "normal"


def test_an_alarm_on_losses_is_no_normal_regime(load: Callable[..., Params], tmp_path: Path) -> None:
    params = load()
    regime = regime_of(params, None, verdict=verdict(tmp_path, "2024-06-30", ["losses"]))
    assert (regime.state, regime.alarm_since) == ("alarm", "2024-06-10")
    assert regime_of(params, None, verdict=verdict(tmp_path, "2024-06-30", ["complaints"])).state == "normal"
    assert regime_of(params, None, verdict=verdict(tmp_path, "2024-07-01", ["losses"])).state == "normal"
    calm = load(guard={"on_alarm": False})
    assert regime_of(calm, None, verdict=verdict(tmp_path, "2024-06-30", ["losses"])).state == "normal"


def test_the_words_name_the_crisis_in_both_languages(load: Callable[..., Params]) -> None:
    regime = regime_of(load(crises=[{**FIRE, "end": "2024-08-01"}]), None, verdict=None)
    assert regime_words(regime, "en") == (
        "Operational crisis “fire” (serious; all customers) from 2024-06-01 to 2024-08-01"
    )
    assert "运营危机“fire”" in regime_words(regime, "zh")


def test_nothing_is_refused_in_the_normal_regime(load: Callable[..., Params], tmp_path: Path) -> None:
    assert guard_refusal(regime_at(load(), root=tmp_path), "churn") is None
    error = guard_refusal(regime_at(load(crises=[FIRE]), root=tmp_path), "churn")
    assert isinstance(error, ModelError)
    assert (error.exit_code, error.rule) == (5, "model.guard")
    assert "no end is known" in str(error)


def test_a_declared_crisis_is_a_change_whose_effect_can_be_studied(load: Callable[..., Params]) -> None:
    params = load(crises=[{**FIRE, "scope": "segment=x"}, {**FIRE, "name": "later", "start": "2024-07-02"}])
    found = changes_of(history(), params)
    assert [(c.table, c.type, c.scope, c.row) for c in found] == [("crises", "operations", "segment=x", 1)]
    assert found[0].start == day("2024-06-30") - 29 * DAY_US
