"""The review after a crisis: contacts against the raw rows, planted effects, lessons, and the prior."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from page_reader import PageReader
from small_company import run
from test_cli import churnml

from churnml.config import load_params
from churnml.config.actions import Effect
from churnml.flow.impact import setting_of
from churnml.flow.review import prior_of, review_of
from churnml.histories.store import open_history

FIRST, CRISIS, NOW = (datetime(*day, tzinfo=UTC) for day in ((2022, 1, 1), (2023, 6, 1), (2024, 6, 30)))
DAYS, N, HORIZON, EFFECT = (NOW - FIRST).days, 4000, 60, 0.5
CONTACTED = (CRISIS - FIRST).days + 20
PARAMS = """\
histories:
  folder: raw
  as_of: "2024-06-30"
  tables:
    customers: {kind: customers, file: customers.parquet, id: cid, categories: [region]}
    contracts: {kind: spells, file: contracts.parquet, id: cid, start: begun, end: ended}
    contacts: {kind: events, file: contacts.parquet, id: cid, time: at, categories: [arm, action]}
churn: {definition: spell_end, table: contracts, horizon_days: 60}
treatments: {table: contacts, column: arm, channel: action, treated: [contacted], control: [set_aside]}
campaign:
  actions: {call: {channel: phone, cost: 6.0, effect: 0.1}}
crises: [{name: flood, type: natural_disaster, start: "2023-06-01", end: "2023-10-01", scope: region=a}]
"""


def company(folder: Path, seed: int, *, with_control: bool) -> Path:
    """Write contracts whose risk is three times as high in region a; calls after 20 days halve it for 90 days."""
    rng = np.random.default_rng(seed)
    begun, in_a = rng.integers(0, CONTACTED - 30, N), rng.random(N) < 0.6
    patience, is_called = rng.exponential(1.0, N), rng.random(N) < 0.5
    days, begins = np.arange(DAYS), (CRISIS - FIRST).days
    risk = np.where(in_a[:, None] & (days >= begins) & (days < begins + 122), 3.0, 1.0) / 600
    works = in_a & is_called
    risk *= np.where(works[:, None] & (days >= CONTACTED) & (days < CONTACTED + 90), 1 - EFFECT, 1.0)
    risk *= days >= begun[:, None]
    spent = np.cumsum(risk, axis=1)
    ended = np.where(spent[:, -1] > patience, (spent > patience[:, None]).argmax(axis=1), DAYS)
    ids = [f"c{k:05d}" for k in range(N)]
    end = [None if day >= DAYS else FIRST + timedelta(days=int(day), hours=1) for day in ended]
    start = [FIRST + timedelta(days=int(day)) for day in begun]
    there = np.flatnonzero(in_a & (ended > CONTACTED))
    there = there if with_control else there[is_called[there]]
    at = FIRST + timedelta(days=CONTACTED)
    (folder / "raw").mkdir(parents=True)
    tables = {
        "customers": pa.table({"cid": ids, "region": np.where(in_a, "a", "b")}),
        "contracts": pa.table({"cid": ids, "begun": start, "ended": pa.array(end, pa.timestamp("us", "UTC"))}),
        "contacts": pa.table(
            {
                "cid": [ids[k] for k in there],
                "at": [at] * len(there),
                "arm": np.where(is_called[there], "contacted", "set_aside"),
                "action": ["call"] * len(there),
            }
        ),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / "raw" / f"{name}.parquet")
    (folder / "params.yaml").write_text(PARAMS if with_control else PARAMS.replace(", control: [set_aside]", ""))
    assert run(folder, "configure", "prepare") == 0
    return folder


def review(root: Path) -> dict[str, Any]:
    setting = setting_of(load_params(root / "params.yaml"), open_history(root / "data/prepared"))
    return review_of(setting, setting.changes[0], root=root)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return company(tmp_path_factory.mktemp("review") / "held_out", 1, with_control=True)


@pytest.fixture(scope="module")
def found(made: Path) -> dict[str, Any]:
    return review(made)


def leavers(root: Path, arm: str) -> tuple[int, int]:
    """Return contacts of an arm and those whose contract ended within the horizon, by the raw rows."""
    ends = {row["cid"]: row["ended"] for row in pq.read_table(root / "raw/contracts.parquet").to_pylist()}
    rows = [row for row in pq.read_table(root / "raw/contacts.parquet").to_pylist() if row["arm"] == arm]
    left = [r for r in rows if ends[r["cid"]] is not None and ends[r["cid"]] <= r["at"] + timedelta(days=HORIZON)]
    return len(rows), len(left)


def test_counts_and_effect_are_those_of_the_raw_rows(made: Path, found: dict[str, Any]) -> None:
    row = found["actions"][0]
    (n_treated, left_treated), (n_control, left_control) = (leavers(made, arm) for arm in ("contacted", "set_aside"))
    assert (row["action"], row["against"], row["not_known"]) == ("call", "held_out", 0)
    assert (row["n_treated"], row["n_control"]) == (n_treated, n_control)
    assert (row["left_treated"], row["left_control"]) == (left_treated, left_control)
    effect = 1 - (left_treated / n_treated) / (left_control / n_control)
    assert row["effect"] == pytest.approx(effect, abs=1e-6)
    assert row["kept"] == pytest.approx(effect * left_control / n_control * n_treated, abs=1e-3)
    assert row["cost"] == pytest.approx(6.0 * n_treated)


def test_who_was_concerned_and_reached_are_those_of_the_raw_rows(made: Path, found: dict[str, Any]) -> None:
    region = {row["cid"]: row["region"] for row in pq.read_table(made / "raw/customers.parquet").to_pylist()}
    there = {
        row["cid"]
        for row in pq.read_table(made / "raw/contracts.parquet").to_pylist()
        if region[row["cid"]] == "a" and row["begun"] <= CRISIS and (row["ended"] is None or row["ended"] > CRISIS)
    }
    called = {r["cid"] for r in pq.read_table(made / "raw/contacts.parquet").to_pylist() if r["arm"] == "contacted"}
    assert found["reach"]["concerned"] == len(there)
    assert found["reach"]["reached"] == len(there & called)
    assert (found["reach"]["first_days"], found["reach"]["middle_days"]) == (20.0, 20.0)


def test_lessons_name_what_worked_and_its_price_in_both_languages(made: Path, tmp_path: Path) -> None:
    assert churnml("review", "flood", "--out", str(tmp_path), folder=made) == 0
    found = json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))
    keys = [each["key"] for each in found["lessons"]]
    assert {"reach", "speed", "worked_held_out", "price"} <= set(keys)
    assert not {"hold_out", "nothing_done"} & set(keys)
    page = PageReader((tmp_path / "review.html").read_bytes()).text
    assert "judged by those set aside at random" in page
    assert "以随机留出客户为对照" in page


def test_the_prior_is_taken_by_an_action_as_it_is(made: Path, found: dict[str, Any]) -> None:
    churnml("review", "flood", folder=made)
    kept = json.loads((made / "data/reviews/flood.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(prior_of(found, name="flood")))
    effect = Effect.model_validate(kept["actions"]["call"]["effect"])
    assert effect.low <= effect.assumed <= effect.high
    assert effect.assumed == found["actions"][0]["effect"]


def test_without_a_control_group_the_alike_stand_in_and_it_is_called_weaker(tmp_path: Path) -> None:
    found = review(company(tmp_path / "alone", 2, with_control=False))
    row = found["actions"][0]
    assert (row["against"], row["n_control"]) == ("matched", 0)
    assert row["low"] > 0
    assert "hold_out" in [each["key"] for each in found["lessons"]]


@pytest.mark.slow
def test_a_planted_effect_is_covered_in_most_companies(tmp_path: Path) -> None:
    """Of the leaving within 60 days, halving the risk removes a little less than half."""
    truth = 1 - (1 - np.exp(-0.5 * 3 * HORIZON / 600)) / (1 - np.exp(-3 * HORIZON / 600))
    for with_control in (True, False):
        folders = [tmp_path / f"{with_control}-{seed}" for seed in range(12)]
        rows = [
            review(company(folder, 50 + k, with_control=with_control))["actions"][0] for k, folder in enumerate(folders)
        ]
        covered, found = sum(row["low"] <= truth <= row["high"] for row in rows), [row["effect"] for row in rows]
        sys.stdout.write(f"{rows[0]['against']}: 80 % interval covers in {covered} of 12, mean {np.mean(found):.3f}\n")
        assert covered >= 7
        assert np.mean(found) == pytest.approx(truth, abs=0.07)


def test_without_a_table_of_contacts_it_says_so(made: Path) -> None:
    params = load_params(made / "params.yaml").model_copy(update={"treatments": None})
    setting = setting_of(params, open_history(made / "data/prepared"))
    found = review_of(setting, setting.changes[0], root=made)
    assert (found["reach"], found["actions"]) == (None, [])
    assert {"no_contacts_table", "nothing_done"} <= {each["key"] for each in found["lessons"]}
    assert prior_of(found, name="x")["actions"] == {}


def test_a_review_is_of_one_change(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert churnml("review", folder=golden) == 2
    assert "a review is of one" in capsys.readouterr().err
