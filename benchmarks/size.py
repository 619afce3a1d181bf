"""Memory and cost as the work grows, under a limit of address space, and with one customer of giant size."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Results
from benchmarks.measure import Usage
from benchmarks.project import Project
from benchmarks.work import Work

CAP = 2 * 1024**3


def growth(folder: Path, events: int, results: Results) -> None:
    """Measure at a tenth of the events, at the events, and at five times as many."""
    sizes = (events // 10, events, 5 * events)
    prepared, featurized = {}, {}
    for size in sizes:
        project = Project(folder, Work.of(size), "size")
        prepared[size], featurized[size] = project.prepare(), _featurized(project)
        if size == sizes[-1]:
            _capped(project, results)
        project.remove()
    few, once, most = sizes
    for stage, used in (("prepare", prepared), ("featurize", featurized)):
        results.add(f"{stage}_peak_growth", used[most].peak / used[once].peak)
        results.add(f"{stage}_peak", used[most].peak / 1e9)
        results.add(f"{stage}_cost_growth", (used[most].cpu / most) / (used[few].cpu / few))


def _featurized(project: Project) -> Usage:
    project.snapshots()
    return project.featurize()


def _capped(project: Project, results: Results) -> None:
    """Run both stages again in 2 GB of address space; what they say when they fail is printed."""
    for name, stage in (("featurize", project.featurize), ("prepare", project.prepare)):
        used = stage(address_space=CAP, may_fail=True)
        results.add(f"{name}_capped", float(used.code == 0))


def giant(folder: Path, events: int, results: Results) -> None:
    """Measure peak memory where a quarter of all events are of one customer."""
    project = Project(folder, Work.of(events, giant=events // 4), "giant")
    results.add("giant_prepare_peak", project.prepare().peak / 1e9)
    results.add("giant_featurize_peak", _featurized(project).peak / 1e9)
    project.remove()
