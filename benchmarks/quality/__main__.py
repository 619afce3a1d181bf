"""``python -m benchmarks.quality``: every open task, its figures beside simple rules and the expert's."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.company import company_figures
from benchmarks.quality.run import Judged, judge
from benchmarks.quality.tasks import TASKS, Task
from churnml.metrics import (
    delong_interval,
    ece_loss,
    interval_coverage_score,
    log_loss,
    mean_absolute_loss,
    normalised_gini_score,
    roc_auc_score,
    total_ratio,
)

RESULTS = Path(__file__).parents[1] / "quality.jsonl"
_CHURN = ("roc_auc", "log_loss", "ece")
_VALUE = ("gini", "mae", "total", "coverage")


def figures(task: Task, judged: Judged) -> dict[str, object]:
    """Return the figures of a task as one plain record."""
    churn = {
        name: {
            "roc_auc": roc_auc_score(judged.churned, p),
            "log_loss": log_loss(judged.churned, p),
            "ece": ece_loss(judged.churned, p),
        }
        for name, p in judged.p_churn.items()
    }
    low, high = delong_interval(judged.churned, judged.p_churn["churnml"])
    value = {
        name: {
            "gini": normalised_gini_score(judged.value, v),
            "mae": mean_absolute_loss(judged.value, v),
            "total": total_ratio(judged.value, v),
        }
        for name, v in judged.values.items()
        if name not in ("low", "high")
    }
    if value:
        bounds = (judged.values["low"], judged.values["high"])
        value["churnml"]["coverage"] = interval_coverage_score(judged.value, *bounds)
    return {
        "task": task.name,
        "data": task.data,
        "n": int(judged.churned.size),
        "churned": float(judged.churned.mean()),
        "churn": churn,
        "roc_auc_interval": [low, high],
        "value": value,
        "expert": {
            "roc_auc": task.expert.auc,
            "log_loss": task.expert.log_loss,
            "ece": task.expert.ece,
            "gini": task.expert.gini,
            "total": task.expert.total,
        },
    }


def _lines(record: dict[str, object], seconds: float) -> list[str]:
    churn, value, expert = record["churn"], record["value"], record["expert"]
    assert isinstance(churn, dict)
    assert isinstance(value, dict)
    assert isinstance(expert, dict)
    n, rate = record["n"], record["churned"]
    head = f"{record['task']} {record['data']}: {n:,} customers, {rate:.1%} churned, {seconds:.0f} s"
    lines = [head, f"  {'':24}" + "".join(f"{name:>10}" for name in (*_CHURN, *_VALUE))]
    names = list(dict.fromkeys([*churn, *value]))
    for name in names:
        cells = [churn.get(name, {}).get(key) for key in _CHURN] + [value.get(name, {}).get(key) for key in _VALUE]
        lines.append(f"  {name:24}" + "".join(f"{'' if cell is None else f'{cell:.4f}':>10}" for cell in cells))
    cells = [expert.get(key) for key in ("roc_auc", "log_loss", "ece", "gini", "mae", "total")]
    return [*lines, f"  {'expert, by hand':24}" + "".join(f"{'' if c is None else f'{c:.3f}':>10}" for c in cells)]


def main() -> int:
    """Run the tasks whose data are there, print a table each, and write one line of JSON a task."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with the data folders")
    parser.add_argument("--only", nargs="*", default=[task.name for task in TASKS], help="names of tasks")
    parser.add_argument("--customers", type=int, default=10_000, help="of the simulated company; 0 = leave it out")
    parser.add_argument("--seed", type=int, default=11, help="of the simulated company")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    records = []
    for task in TASKS:
        if task.name not in args.only:
            continue
        if not (args.data / task.data).is_dir():
            print(f"{task.name}: no folder {task.data}: left out")
            continue
        with tempfile.TemporaryDirectory(prefix="churnml-quality-") as folder:
            judged = judge(task, args.data, Path(folder) / task.name)
        records.append(figures(task, judged))
        print("\n".join(_lines(records[-1], judged.seconds)), flush=True)
    _summary(records)
    if args.customers:
        company = company_figures(n_customers=args.customers, months=36, seed=args.seed)
        records.append({"task": "company", "seed": args.seed, **company})
        print(f"simulated company, seed {args.seed}: " + ", ".join(_worded(company)))
    args.results.write_text("".join(json.dumps(r, sort_keys=True) + "\n" for r in records), encoding="utf-8")
    return 0


def _worded(company: dict[str, Any]) -> list[str]:
    return [f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:.3f}" for name, value in company.items()]


def _summary(records: list[dict[str, object]]) -> None:
    gaps = []
    for record in records:
        churn, expert = record["churn"], record["expert"]
        assert isinstance(churn, dict)
        assert isinstance(expert, dict)
        gaps.append(churn["churnml"]["roc_auc"] - expert["roc_auc"])
    if gaps:
        near, above = int(np.sum(np.array(gaps) >= -0.003)), int(np.sum(np.array(gaps) >= 0))
        print(f"AUC within 0.003 of the expert's on {near} of {len(gaps)} tasks, at or above on {above}")


if __name__ == "__main__":
    raise SystemExit(main())
