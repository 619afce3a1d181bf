"""Help for those hit hardest, against the raw rows of a small company."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from small_company import write_params
from test_cli import churnml, error_of

from churnml.config import load_params
from churnml.flow.known import contact_data
from churnml.flow.other_lists import make_other_lists
from churnml.flow.plan import campaign_plan
from churnml.histories.store import open_history
from churnml.parquet import read_parquet

FIRST, AS_OF = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 6, 30, tzinfo=UTC)
RULE = {"name": "spring", "table": "orders", "where": {"channel": ["web"]}, "first_day": "2024-03-01"}
HELP = {"name": "spring_help", "affected": "spring", "harm": "amount", "budget": "300.50", "least": "3", "most": "9.99"}


@pytest.fixture(scope="module")
def project(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a list of the affected and one of help, over the prepared histories of the small company."""
    folder = tmp_path_factory.mktemp("help")
    write_params(folder, {"lists": {"affected": [RULE], "compensation": [HELP]}})
    (folder / "data").mkdir()
    for name in ("prepared", "scored"):
        (folder / "data" / name).symlink_to(golden / "data" / name)
    return folder


@pytest.fixture(scope="module")
def amounts(golden: Path) -> Counter[str]:
    """What each customer paid for the rows that are meant, in cents, from the raw file."""
    found: Counter[str] = Counter()
    for row in pq.read_table(golden / "data/simulated/orders.parquet").to_pylist():
        known = max(row["ordered_at"], row["loaded_at"]) <= AS_OF
        if known and row["ordered_at"] >= FIRST and row["channel"] == "web" and row["net_amount"] >= 0:
            found[row["customer_id"]] += round(row["net_amount"] * 100)
    return found


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    return pcsv.read_csv(folder / f"{name}.csv").to_pylist()


def test_harm_and_money_are_those_of_the_raw_rows(project: Path, amounts: Counter[str]) -> None:
    assert churnml("compensate", "spring_help", folder=project) == 0
    folder = project / "data/notices/spring_help"
    helped, others = rows_of(folder, "helped"), rows_of(folder, "not_helped")
    assert {row["Customer"] for row in helped} | {row["Customer"] for row in others} == set(amounts)
    assert len(helped) + len(others) == len(amounts)
    assert all(round(row["Harm"] * 100) == amounts[row["Customer"]] for row in (*helped, *others))
    given = [Decimal(str(row["Help (EUR)"])) for row in helped]
    assert sum(given) <= Decimal("300.50")
    assert Decimal(3) <= min(given) <= max(given) <= Decimal("9.99")
    assert len(helped) == min(sum(n > 0 for n in amounts.values()), 100)
    assert min(amounts[row["Customer"]] for row in helped) >= max(amounts[row["Customer"]] for row in others)


def test_the_slice_adds_up_to_everybody_concerned_by_segment(
    project: Path, golden: Path, amounts: Counter[str]
) -> None:
    assert churnml("compensate", "spring_help", folder=project) == 0
    told = json.loads((project / "data/notices/spring_help/manifest.json").read_text("utf-8"))
    people = pq.read_table(golden / "data/simulated/customers.parquet").to_pylist()
    segments = Counter(row["segment"] for row in people if row["customer_id"] in amounts)
    assert {row["level"]: row["affected"] for row in told["fairness"]["segment"]} == dict(segments)
    assert {"segment", "country", "value_tier"} <= set(told["fairness"])
    for rows in told["fairness"].values():
        assert sum(Decimal(str(row["given"])) for row in rows) == Decimal(told["money"]["spent"])


def test_options_change_a_configured_list_or_stand_for_one(project: Path, tmp_path: Path) -> None:
    words = ("--harm", "items", "--budget", "20", "--least", "5", "--per-unit", "0.01", "--out", str(tmp_path / "x"))
    assert churnml("compensate", "spring_help", *words, folder=project) == 0
    assert churnml("compensate", "other", "--affected", "spring", *words, folder=project) == 0
    assert [row["Help (EUR)"] for row in rows_of(tmp_path / "x", "helped")] == [5.0] * 4
    assert json.loads((tmp_path / "x/manifest.json").read_text("utf-8"))["harm"] == "items"


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["sprng_help"], "config.list"),
        (["x", "--affected", "sprin", "--budget", "1", "--least", "1"], "config.list"),
        (["x", "--affected", "spring", "--budget", "1"], "config.option"),
        (["spring_help", "--budget", "1.005"], "config.option"),
        (["spring_help", "--budget", "much"], "config.option"),
        (["spring_help", "--harm", "delay"], "config.column"),
        (["spring_help", "--most", "2"], "config.option"),
        (["spring_help", "--least", "0"], "config.option"),
    ],
)
def test_what_cannot_be_asked_is_refused(project: Path, words: list[str], rule: str) -> None:
    assert churnml("compensate", *words, folder=project) == 2
    assert error_of(project)["rule"] == rule


def test_the_stage_makes_the_configured_list_too(project: Path, golden: Path, tmp_path: Path) -> None:
    params = load_params(project / "params.yaml")
    lists = params.lists.model_copy(update={"winback": None, "loyal_alarm": None})
    params, history = params.model_copy(update={"lists": lists}), open_history(golden / "data/prepared")
    plan = campaign_plan(params)
    scores, contacts = read_parquet(golden / "data/scored/scores.parquet"), contact_data(params, history, plan=plan)
    make_other_lists(params, history, scores, contacts, plan=plan, labels=golden / "data/labels", folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"spring", "spring_help"}
    assert (tmp_path / "spring_help/helped.csv").exists()
