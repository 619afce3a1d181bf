"""prepare beside DuckDB reading, sorting and writing the same columns."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benchmarks.figures import Results
from benchmarks.measure import Usage, ratio, rounds, run
from benchmarks.project import TABLE, Project
from benchmarks.work import Work


def beside_sorting(folder: Path, events: int, results: Results, n_rounds: int) -> None:
    for form in ("parquet", "csv"):
        project = Project(folder, Work.of(events, form=form), "prepare")
        programs = {"ours": project.prepare}
        if find_spec("duckdb") is None:
            print("  duckdb is not installed: its figures are left out (make bench installs it)")
        else:
            programs["duckdb"] = partial(_sort, project)
        used = rounds(n_rounds, **programs)
        results.add(f"prepare_{form}", median(u.cpu for u in used["ours"]))
        if "duckdb" in used:
            results.add(f"prepare_{form}_per_duckdb", ratio(used["ours"], used["duckdb"]))
        if form == "csv":
            results.add("prepare_csv_peak", max(u.peak for u in used["ours"]) / 1e9)
        project.remove()


def _sort(project: Project) -> Usage:
    source, out = project.root / "raw" / f"{TABLE}.{project.work.form}", project.root / "data" / "sorted"
    return run(["python", "-m", "benchmarks.reference_duckdb", "sort", source, out], folder=project.root)
