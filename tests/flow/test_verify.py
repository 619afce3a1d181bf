"""``churnml verify`` on whole projects: clean ones pass, tampered outputs and planted leaks end with 4."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from small_company import small_params
from test_cli import churnml

from churnml.parquet import write_parquet
from churnml.storage import read_json, write_json

FAST = ("verify", "--quick", "--sample", "40")


@pytest.fixture
def project(golden: Path, tmp_path: Path) -> Path:
    """Return a copy of the project in which the pipeline has run, to be altered at will."""
    for name in ("simulated", "resolved", "prepared", "snapshots", "features", "labels"):
        shutil.copytree(golden / "data" / name, tmp_path / "data" / name)
    shutil.copy(golden / "params.yaml", tmp_path / "params.yaml")
    return tmp_path


def findings(folder: Path) -> list[tuple[str, str]]:
    report = read_json(folder / "reports" / "verify.json")
    return [(f["rule"], f["column"]) for probe in report["probes"] for f in probe["findings"]]


def test_a_clean_project_passes_and_says_what_was_tried(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert churnml(*FAST, folder=project) == 0
    told = capsys.readouterr().out
    assert "Nothing leaks; 0 warnings." in told
    report = read_json(project / "reports" / "verify.json")
    assert (report["verdict"], report["artefacts"]) == ("passed", "own")
    assert {probe["name"] for probe in report["probes"] if probe["tried"]} >= {"future", "windows", "oracle", "labels"}
    page = (project / "reports" / "verify.html").read_text(encoding="utf-8")
    assert "Nothing leaks" in page
    assert not list((project / "data").glob(".verify-*"))
    ids = pq.read_table(project / "data" / "simulated" / "customers.parquet")["customer_id"].to_pylist()
    assert not any(name in page + json.dumps(report) for name in ids)


def rewritten(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    for path in sorted(folder.glob("bucket-*.parquet")):
        write_parquet(change(pq.read_table(path)), path)


def shifted(table: pa.Table, column: str, by: float) -> pa.Table:
    return table.set_column(
        table.column_names.index(column), column, pc.cast(pc.add(table[column], by), table.schema.field(column).type)
    )


def altered_feature(folder: Path) -> None:
    rewritten(folder / "data" / "features", lambda table: shifted(table, "orders_recency_days", -1.0))


def flipped_labels(folder: Path) -> None:
    def flip(table: pa.Table) -> pa.Table:
        other = pc.cast(pc.subtract(1, table["is_churned"]), pa.int8())
        return table.set_column(table.column_names.index("is_churned"), "is_churned", other)

    rewritten(folder / "data" / "labels" / "churn", flip)


def labels_of_open_outcomes(folder: Path) -> None:
    def fill(table: pa.Table) -> pa.Table:
        filled = pc.fill_null(table["is_churned"], 0)
        return table.set_column(table.column_names.index("is_churned"), "is_churned", filled)

    rewritten(folder / "data" / "labels" / "churn", fill)


def a_date_too_late(folder: Path) -> None:
    path = folder / "data" / "snapshots" / "plan.json"
    plan = read_json(path)
    plan["churn_dates_us"][-1] += 86_400_000_000
    write_json(plan, path)


TAMPERED = {
    "a feature": (altered_feature, ("time.features_differ", "orders_recency_days")),
    "labels": (flipped_labels, ("time.labels_differ", "is_churned")),
    "open outcomes": (labels_of_open_outcomes, ("time.not_settled", "is_churned")),
    "a date": (a_date_too_late, ("time.plan_differs", "observation_date")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TAMPERED)
def test_tl_09_tl_21_tampered_outputs_end_with_4(name: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper, expected = TAMPERED[name]
    tamper(project)
    assert churnml(*FAST, folder=project) == 4
    assert expected in findings(project)
    assert findings(project)[0][1] in capsys.readouterr().err


def gone_by_the_end(folder: Path, ids: list[str]) -> np.ndarray:
    orders = pq.read_table(folder / "data" / "simulated" / "orders.parquet").to_pandas()
    orders = orders[(orders.net_amount > 0) & (orders.loaded_at < "2024-06-30")]
    last = orders.groupby("customer_id").ordered_at.max().reindex(ids)
    silent = (np.datetime64("2024-06-30") - last.dt.tz_localize(None)).dt.days
    return silent.fillna(999).to_numpy()


def planted(column: str, kind: str, values: Callable[[np.ndarray], object]) -> Callable[[Path], None]:
    """Add a column made of days of silence up to the end to the customers, and declare it."""

    def plant(folder: Path) -> None:
        path = folder / "data" / "simulated" / "customers.parquet"
        table = pq.read_table(path)
        made = pa.array(values(gone_by_the_end(folder, table["customer_id"].to_pylist())), from_pandas=True)
        pq.write_table(table.append_column(column, made), path)
        params = small_params()
        params["histories"]["tables"]["customers"][kind].append(column)
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    return plant


def only_survivors(folder: Path) -> None:
    path = folder / "data" / "simulated" / "customers.parquet"
    table = pq.read_table(path)
    silent = gone_by_the_end(folder, table["customer_id"].to_pylist())
    pq.write_table(table.filter(pa.array(silent < 90)), path)


TOLD = {"time.pattern", "time.single_feature", "time.moves_with_today"}
PLANTED = {
    "why": (planted("why", "categories", lambda s: np.where(s > 80, "price", None)), TOLD),
    "final_bill": (planted("final_bill", "numbers", lambda s: np.where(s > 80, s * 1.1, 0)), TOLD),
    "status": (
        planted("status", "categories", lambda s: np.where(s < 90, "active", "left")),
        TOLD,
    ),
    "days_silent": (planted("days_silent", "numbers", lambda s: s + 2.0), {"time.moves_with_today"}),
    "number": (planted("number", "numbers", lambda s: np.arange(len(s)) + 1.0), {"time.identifier"}),
    "customer_id": (only_survivors, {"time.survivors_only"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("column", PLANTED)
def test_tl_06_tl_07_tl_12_planted_leaks_end_with_4(column: str, project: Path) -> None:
    plant, known_as = PLANTED[column]
    plant(project)
    assert churnml(*FAST, folder=project) == 4
    assert {rule for rule, where in findings(project) if where == column} & known_as
    assert read_json(project / "reports" / "last_error.json")["exit_code"] == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "plant",
    [
        planted("shoe_size", "numbers", lambda s: np.random.default_rng(1).normal(42, 2, len(s)).round()),
        planted("town", "categories", lambda s: np.random.default_rng(1).choice(["a", "b", "c"], len(s))),
    ],
    ids=["number", "category"],
)
def test_an_honest_column_passes(plant: Callable[[Path], None], project: Path) -> None:
    plant(project)
    assert churnml(*FAST, folder=project) == 0
    assert read_json(project / "reports" / "verify.json")["artefacts"] == "private"


@pytest.mark.parametrize("words", [("--sample", "3"), ("--seed", "-1")])
def test_a_sample_that_says_nothing_is_refused(words: tuple[str, ...], project: Path) -> None:
    assert churnml("verify", *words, folder=project) == 2
