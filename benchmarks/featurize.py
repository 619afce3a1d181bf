"""featurize beside the limit, beside itself with one thread, and beside the reference programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benchmarks.columns import Column, from_json, to_json
from benchmarks.figures import Results
from benchmarks.measure import Usage, facts, ratio, rounds, run, without
from benchmarks.project import Project
from benchmarks.work import Work

DUCKDB, POLARS = ("filter", "rings"), ("filter", "rings")


class Featurized:
    """A project that is ready for featurize, made once for all groups of figures."""

    def __init__(self, folder: Path, events: int) -> None:
        self.project = Project(folder, Work.of(events), "featurize")
        self.project.prepare()
        for n in (1, 12, 24):
            self.project.snapshots(n)

    def limit(self, n: int) -> Usage:
        """Measure L: what the process takes, less reading the finished table it writes again."""
        project, out = self.project, self.project.root / "data" / "limit"
        command = ["python", "-m", "benchmarks.limit", project.prepared, project.features(n), out]
        return without(run(command, folder=project.root), "not_counted")

    def columns(self) -> tuple[list[Column], list[str]]:
        """Return the columns that references compute too, and the ones asked for that ours did not write."""
        project = self.project
        said = facts(run(["python", "-m", "benchmarks.columns", project.features(12)], folder=project.root))
        return from_json(json.dumps(said["columns"])), list(said["missing"])

    def reference(self, library: str, way: str, columns: list[Column]) -> Usage:
        """Run a reference and check its values."""
        project, out = self.project, self.project.root / "data" / f"{library}-{way}"
        shutil.rmtree(out, ignore_errors=True)
        words = [project.prepared, out, json.dumps(project.dates_us(12)), to_json(columns), way]
        kind = ["features"] if library == "duckdb" else []
        used = run(["python", "-m", f"benchmarks.reference_{library}", *kind, *words], folder=project.root)
        run(["python", "-m", "benchmarks.columns", project.features(12), out], folder=project.root)
        shutil.rmtree(out)
        return used


def beside_limit(ready: Featurized, results: Results, n_rounds: int) -> None:
    project = ready.project
    for n in (1, 12, 24):
        project.featurize(n)  # the limit writes what this wrote
    one, twelve, twenty_four = (partial(project.featurize, n) for n in (1, 12, 24))
    used = rounds(
        n_rounds,
        ours_12=twelve,
        limit_12=partial(ready.limit, 12),
        ours_24=twenty_four,
        limit_24=partial(ready.limit, 24),
        ours_1=one,
        limit_1=partial(ready.limit, 1),
    )
    results.add("limit_12", median(u.cpu for u in used["limit_12"]))
    results.add("featurize_12", median(u.cpu for u in used["ours_12"]))
    results.add("featurize_12_per_limit", ratio(used["ours_12"], used["limit_12"]))
    results.add("featurize_24_per_limit", ratio(used["ours_24"], used["limit_24"]))
    results.add("featurize_24_per_1", ratio(used["ours_24"], used["ours_1"]))
    results.add("limit_24_per_1", ratio(used["limit_24"], used["limit_1"]))


def beside_one_thread(ready: Featurized, results: Results, n_rounds: int) -> None:
    used = rounds(
        n_rounds,
        one=partial(ready.project.featurize, 12, threads=1),
        two=partial(ready.project.featurize, 12, threads=2),
    )
    results.add("featurize_threads", ratio(used["one"], used["two"], of="wall"))


def beside_references(ready: Featurized, results: Results, n_rounds: int) -> None:
    ready.project.featurize(12)
    columns, missing = ready.columns()
    if missing:
        print(f"  not written yet, so not compared: {len(missing)} columns ({', '.join(missing[:3])}, ...)")
    programs: dict[str, Callable[[], Usage]] = {"ours": partial(ready.project.featurize, 12)}
    ways = [("duckdb", way) for way in DUCKDB] + [("polars", way) for way in POLARS]
    for library, way in ways:
        if find_spec(library) is None:
            print(f"  {library} is not installed: its figures are left out (make bench installs it)")
            return
        programs[f"{library}_{way}"] = partial(ready.reference, library, way, columns)
    used = rounds(n_rounds, **programs)
    for library, names in (("duckdb", DUCKDB), ("polars", POLARS)):
        found = {way: ratio(used[f"{library}_{way}"], used["ours"]) for way in names}
        for way, value in found.items():
            results.add(f"{library}_{way}_per_featurize", value)
        results.add(f"{library}_per_featurize", min(found.values()))
