"""A new month arrives as one more file: how much of the work is done again."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Results
from benchmarks.measure import Failed, Usage
from benchmarks.project import Project
from benchmarks.work import Work


def added(folder: Path, events: int, results: Results) -> None:
    project = Project(folder, Work.of(events, month=True), "month")
    first = _all_stages(project, with_month=False)
    try:
        again = _all_stages(project, with_month=True)
    except Failed as failure:
        print(f"  {failure}".rstrip())
        again = {}
    for name in ("prepare", "featurize"):
        results.add(f"month_{name}_share", again[name].cpu / first[name].cpu if again else None)
    total, before = (sum(used.cpu for used in run.values()) for run in (again, first))
    results.add("month_share", total / before if again else None)
    project.remove()


def _all_stages(project: Project, *, with_month: bool) -> dict[str, Usage]:
    """Run the stages over what an earlier run left, as the pipeline does."""
    stages = (project.prepare, project.snapshots, project.featurize)
    return {stage.__name__: stage(with_month=with_month) for stage in stages}
