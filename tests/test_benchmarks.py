"""The benchmarks run at a tiny size, and the reference programs find the same values as the pipeline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_company import PROJECT

sys.path.insert(0, str(PROJECT))
from benchmarks.columns import column_of, wanted
from benchmarks.figures import FIGURES, Results, meets
from benchmarks.work import Work, ensure

sys.path.remove(str(PROJECT))


def bench(folder: Path, *groups: str) -> dict[str, dict[str, object]]:
    """Run groups at the tiny scale and return the figures by name."""
    command = [sys.executable, "-m", "benchmarks", "--scale", "tiny", "--folder", str(folder), "--only", *groups]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return {line["name"]: line for line in map(json.loads, lines)}


def test_the_work_is_74_columns_and_each_is_known_by_its_name():
    assert len(set(wanted())) == 74
    assert all(column_of(name) for name in wanted())


def test_columns_that_the_references_do_not_compute_are_told_apart():
    assert column_of("orders_amount_sum_all").days is None
    assert column_of("orders_channel_web_count_90d").level == "web"
    assert column_of("orders_channel_web_share_365d") is None


def test_the_same_seed_makes_the_same_files_with_every_customer(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    for name in ("a", "b"):
        ensure(Work.of(4_000), tmp_path / name)
    first, second = (pq.read_table(tmp_path / name / "orders.parquet") for name in ("a", "b"))
    assert first.equals(second)
    assert len(first["customer_id"].unique()) == 100


def test_a_giant_customer_has_the_asked_number_of_events(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    ensure(Work.of(4_000, giant=1_000), tmp_path)
    counts = pq.read_table(tmp_path / "orders.parquet")["customer_id"].value_counts().field("counts")
    assert max(counts.to_pylist()) >= 1_000


@pytest.mark.parametrize(("value", "goal", "met"), [(1.9, "<= 1.9", True), (1.5, "< 1.5", False), (15, ">= 15", True)])
def test_a_goal_includes_its_bound_where_it_says_so(value, goal, met):
    assert meets(value, goal) is met


def test_figures_measured_earlier_stay_and_goals_are_judged_at_full_scale_only(tmp_path):
    path = tmp_path / "results.jsonl"
    Results(path, judged=True).add("featurize_12_per_limit", 2.0)
    Results(path, judged=False).add("featurize_threads", 1.7)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["name"], line["met"]) for line in lines] == [
        ("featurize_12_per_limit", False),
        ("featurize_threads", None),
    ]
    assert set(lines[0]) == {"name", "value", "unit", "goal", "met"}


@pytest.mark.slow
def test_references_agree_with_ours(tmp_path):
    pytest.importorskip("duckdb", reason="only make bench installs it")
    pytest.importorskip("polars", reason="only make bench installs it")
    figures = bench(tmp_path, "references")
    assert {name for name, kind in FIGURES.items() if kind.group == "references"} == set(figures)
    assert all(figure["value"] > 0 and figure["met"] is None for figure in figures.values())


@pytest.mark.slow
def test_a_set_of_actions_is_measured_and_as_near_to_the_best_as_asked(tmp_path):
    figures = bench(tmp_path, "allocate")
    assert set(figures) == {"allocate_seconds", "allocate_gap"}
    assert figures["allocate_seconds"]["value"] > 0
    assert -1e-9 < figures["allocate_gap"]["value"] <= 0.01


@pytest.mark.slow
def test_no_temporary_file_is_open_to_others_or_left_behind(tmp_path):
    figures = bench(tmp_path, "temp")
    assert [figures[name]["value"] for name in ("temp_readable", "temp_left")] == [0, 0]


@pytest.mark.slow
def test_scoring_is_measured_beside_lightgbm_and_in_two_gigabytes(tmp_path):
    figures = bench(tmp_path, "score", "score_size")
    assert {name for name, kind in FIGURES.items() if kind.group in {"score", "score_size"}} == set(figures)
    assert figures["score_capped"]["value"] == 1
    assert figures["score_peak"]["value"] < 2
