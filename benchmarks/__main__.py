"""Measure everything: python -m benchmarks [--scale small|full] [--only NAME ...].

Full: 20 million events of 500,000 customers, and up to 100 million. Small: a tenth, to try; goals are not judged then.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from functools import cached_property
from pathlib import Path

from benchmarks import allocate, explain, month, prepare, score, simulate, size, temp, train
from benchmarks.featurize import Featurized, beside_limit, beside_one_thread, beside_references
from benchmarks.figures import FIGURES, GROUPS, Results
from benchmarks.measure import REPOSITORY, Failed
from benchmarks.project import Project
from benchmarks.work import Work

EVENTS = {"tiny": 20_000, "small": 2_000_000, "full": 20_000_000}
ROUNDS = {"tiny": 1, "small": 1, "full": 3}
BYTES_PER_EVENT = 250
"""Disk at the largest size: raw files, prepared store, features twice while they are renewed."""


class Run:
    """One run of some groups at one scale."""

    def __init__(self, scale: str, folder: Path, results: Results) -> None:
        self.events, self.rounds = EVENTS[scale], ROUNDS[scale]
        self.folder, self.results = folder, results

    @cached_property
    def ready(self) -> Featurized:
        return Featurized(self.folder, self.events)

    def warm(self) -> None:
        """Run the stages once on little, so that nothing is compiled while it is measured."""
        project = Project(self.folder, Work.of(EVENTS["tiny"]), "warm")
        project.prepare()
        project.snapshots()
        project.featurize()
        project.remove()

    def measure(self, group: str) -> None:
        few = max(EVENTS["tiny"], self.events // 10)
        match group:
            case "featurize":
                beside_limit(self.ready, self.results, self.rounds)
            case "threads":
                beside_one_thread(self.ready, self.results, self.rounds)
            case "references":
                beside_references(self.ready, self.results, self.rounds)
            case "prepare":
                prepare.beside_sorting(self.folder, self.events, self.results, self.rounds)
            case "size":
                size.growth(self.folder, self.events, self.results)
            case "giant":
                size.giant(self.folder, self.events, self.results)
            case "temp":
                temp.watched(self.folder, few, self.results)
            case "month":
                month.added(self.folder, self.events, self.results)
            case "train":
                per_fits, per_matrix = train.beside_fits(self.events // 20)
                self.results.add("train_per_fits", per_fits)
                self.results.add("train_memory_per_matrix", per_matrix)
            case "explain":
                for name, value in explain.beside_lightgbm(max(5_000, self.events // 200)).items():
                    self.results.add(name, value)
            case "score":
                score.beside_lightgbm(self.folder, self.events // 20, self.results, self.rounds)
            case "score_size":
                score.growth(self.folder, self.events, self.results)
            case "allocate":
                for name, value in allocate.seconds_and_gap(max(10_000, self.events // 20), self.rounds).items():
                    self.results.add(name, value)
            case "simulate":
                self.results.add("simulate_per_writing", simulate.beside_writing(few // 300 + 100))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=EVENTS, default="full")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help="groups or figures: " + ", ".join(GROUPS))
    parser.add_argument(
        "--folder", type=Path, default=REPOSITORY / "data" / "bench", help="of the work and its results"
    )
    parser.add_argument("--results", type=Path, help="default: benchmarks/results.jsonl; small: in the folder")
    args = parser.parse_args(argv)
    if unknown := set(args.only) - set(GROUPS) - set(FIGURES):
        parser.error(f"no such group or figure: {', '.join(sorted(unknown))}")
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    full = args.scale == "full"
    path = args.results or (REPOSITORY / "benchmarks" if full else folder) / "results.jsonl"
    groups = [group for group in GROUPS if not args.only or group in _groups(args.only)]
    if "size" in groups and shutil.disk_usage(folder).free < 5 * EVENTS[args.scale] * BYTES_PER_EVENT:
        print(f"not enough disk for group size ({5 * EVENTS[args.scale] * BYTES_PER_EVENT / 1e9:.0f} GB): left out")
        groups.remove("size")
    results = Results(path, judged=full)
    run = Run(args.scale, folder, results)
    failed = []
    run.warm()
    for group in groups:
        print(group, flush=True)
        try:
            run.measure(group)
        except Failed as failure:
            failed.append(group)
            print(f"  {failure}")
    print(f"\n{results.table()}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


def _groups(names: list[str]) -> set[str]:
    return {FIGURES[name].group if name in FIGURES else name for name in names}


if __name__ == "__main__":
    sys.exit(main())
