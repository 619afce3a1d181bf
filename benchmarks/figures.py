"""Every figure with its unit, its goal and what it means, and the file and the table they are written to."""

from __future__ import annotations

import json
import operator
from dataclasses import dataclass, field
from pathlib import Path

_HOLDS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a figure is.

    Parameters
    ----------
    group : str
        Figures of a group are measured together.
    unit : str
    goal : str
        For example ``<= 1.9``; empty = only told.
    meaning : str
    """

    group: str
    unit: str
    goal: str
    meaning: str


FIGURES = {
    "limit_12": Kind(
        "featurize", "s", "", "L at 12 snapshots: read four columns, write the finished table (processor)"
    ),
    "featurize_12": Kind("featurize", "s", "", "featurize at 12 snapshots, whole process (processor)"),
    "featurize_12_per_limit": Kind("featurize", "ratio", "<= 1.9", "featurize / L, processor, 12 snapshots"),
    "featurize_24_per_limit": Kind("featurize", "ratio", "<= 1.7", "featurize / L, processor, 24 snapshots"),
    "featurize_24_per_1": Kind("featurize", "ratio", "<= 2.6", "featurize, processor, 24 snapshots / one"),
    "limit_24_per_1": Kind(
        "featurize", "ratio", "", "L at 24 snapshots / L at one: what writing 24 times the rows takes"
    ),
    "featurize_threads": Kind("threads", "ratio", ">= 1.6", "featurize, wall time, one thread / two"),
    "duckdb_filter_per_featurize": Kind("references", "ratio", "", "DuckDB, a filter on every aggregate / featurize"),
    "duckdb_rings_per_featurize": Kind("references", "ratio", "", "DuckDB, rings between windows first / featurize"),
    "duckdb_per_featurize": Kind(
        "references", "ratio", ">= 15", "the better of the two in DuckDB / featurize, processor"
    ),
    "polars_filter_per_featurize": Kind("references", "ratio", "", "polars, a filter on every aggregate / featurize"),
    "polars_rings_per_featurize": Kind("references", "ratio", "", "polars, rings between windows first / featurize"),
    "polars_per_featurize": Kind(
        "references", "ratio", ">= 6", "the better of the two in polars / featurize, processor"
    ),
    "prepare_parquet": Kind("prepare", "s", "", "prepare from Parquet, whole process (processor)"),
    "prepare_parquet_per_duckdb": Kind(
        "prepare", "ratio", "<= 2.5", "prepare / DuckDB reading, sorting, writing Parquet"
    ),
    "prepare_csv": Kind("prepare", "s", "", "prepare from CSV, whole process (processor)"),
    "prepare_csv_per_duckdb": Kind("prepare", "ratio", "<= 2.5", "prepare / DuckDB reading CSV, sorting, writing"),
    "prepare_csv_peak": Kind("prepare", "GB", "< 1.5", "peak memory of prepare from CSV"),
    "prepare_peak_growth": Kind("size", "ratio", "<= 1.15", "peak memory of prepare, five times the events / once"),
    "featurize_peak_growth": Kind("size", "ratio", "<= 1.15", "peak memory of featurize, five times the events / once"),
    "prepare_peak": Kind("size", "GB", "< 1.5", "peak memory of prepare at five times the events"),
    "featurize_peak": Kind("size", "GB", "< 1.5", "peak memory of featurize at five times the events"),
    "prepare_cost_growth": Kind("size", "ratio", "<= 1.2", "prepare, processor an event, most events / fewest"),
    "featurize_cost_growth": Kind("size", "ratio", "<= 1.2", "featurize, processor an event, most events / fewest"),
    "prepare_capped": Kind("size", "completed", "== 1", "prepare completes in 2 GB of address space, most events"),
    "featurize_capped": Kind("size", "completed", "== 1", "featurize completes in 2 GB of address space, most events"),
    "giant_prepare_peak": Kind(
        "giant", "GB", "< 1.5", "peak memory of prepare, a quarter of the events one customer's"
    ),
    "giant_featurize_peak": Kind("giant", "GB", "< 1.5", "peak memory of featurize, likewise"),
    "temp_readable": Kind("temp", "files", "== 0", "temporary files that others could open while stages run"),
    "temp_left": Kind(
        "temp", "files", "== 0", "temporary files left after success, termination and a kill with a new run"
    ),
    "month_share": Kind("month", "ratio", "", "processor of the run after a new month / of the first run, all stages"),
    "month_prepare_share": Kind("month", "ratio", "", "the same, prepare alone"),
    "month_featurize_share": Kind("month", "ratio", "", "the same, featurize alone"),
    "train_per_fits": Kind(
        "train", "ratio", "<= 1.32", "training by default / the LightGBM fits in it, 1 million rows x 120 features"
    ),
    "train_memory_per_matrix": Kind("train", "ratio", "<= 2.5", "peak memory of training / the float32 matrix"),
    "explain_seconds": Kind("explain", "s", "", "contributions of 250 features, 100,000 customers (processor)"),
    "lightgbm_per_explain": Kind("explain", "ratio", ">= 14", "LightGBM's own contributions / ours, processor"),
    "explain_difference": Kind("explain", "log odds", "<= 1e-5", "largest difference between the two"),
    "score_per_lightgbm": Kind(
        "score", "ratio", "<= 1", "ready features to probabilities / a bare program with LightGBM, whole processes"
    ),
    "score_wall_per_lightgbm": Kind("score", "ratio", "", "the same, wall time"),
    "score_ready_peak": Kind("score", "GB", "", "peak memory of ready features to probabilities"),
    "score_seconds": Kind("score_size", "s", "", "raw files to scores with reasons, processor a million customers"),
    "score_peak": Kind("score_size", "GB", "< 2", "peak memory of raw files to scores with reasons, most customers"),
    "score_peak_growth": Kind("score_size", "ratio", "", "the same / that of a tenth of the customers"),
    "score_capped": Kind("score_size", "completed", "== 1", "raw files to scores completes in 2 GB of address space"),
    "allocate_seconds": Kind(
        "allocate", "s", "<= 60", "the best set for 1 million customers, 5 actions, 3 limits (wall time)"
    ),
    "allocate_gap": Kind("allocate", "share", "<= 0.01", "the most that set may miss of the bound"),
    "simulate_per_writing": Kind("simulate", "ratio", "", "simulating a company / writing its tables, wall time"),
}
GROUPS = tuple(dict.fromkeys(kind.group for kind in FIGURES.values()))


def meets(value: float, goal: str) -> bool:
    """Return whether a value meets a goal such as ``<= 1.9``.

    Examples
    --------
    >>> meets(1.2, "<= 1.9"), meets(1.2, ">= 1.9")
    (True, False)
    """
    sign, bound = goal.split()
    return bool(_HOLDS[sign](value, float(bound)))


@dataclass(slots=True)
class Results:
    """The figures of a run, written as soon as each is known.

    Parameters
    ----------
    path : Path
        JSON, one line a figure; figures measured earlier stay until they are measured again.
    judged : bool
        Whether ``met`` is said: goals are set for the full scale only.
    """

    path: Path
    judged: bool
    new: list[dict[str, object]] = field(default_factory=list)

    def add(self, name: str, value: float | None) -> None:
        """Note a figure; None = it could not be measured."""
        kind = FIGURES[name]
        met = None if not (self.judged and kind.goal) else value is not None and meets(value, kind.goal)
        line = {
            "name": name,
            "value": None if value is None else float(f"{value:.4g}"),
            "unit": kind.unit,
            "goal": kind.goal or None,
            "met": met,
        }
        self.new.append(line)
        print(f"  {_row(line)}", flush=True)
        self._write()

    def _write(self) -> None:
        lines = {}
        if self.path.is_file():
            for text in self.path.read_text(encoding="utf-8").splitlines():
                old = json.loads(text)
                lines[old["name"]] = old
        lines |= {str(line["name"]): line for line in self.new}
        ordered = [lines[name] for name in FIGURES if name in lines]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(json.dumps(line) + "\n" for line in ordered), encoding="utf-8")

    def table(self) -> str:
        """Return the figures of this run as a table."""
        head = f"{'figure':<28} {'value':>10} {'unit':<10} {'goal':<9} {'met':<4} meaning"
        rows = [f"{_row(line)} {FIGURES[str(line['name'])].meaning}" for line in self.new]
        return "\n".join([head, *rows])


def _row(line: dict[str, object]) -> str:
    value = "-" if line["value"] is None else f"{line['value']:,}"
    met = {True: "yes", False: "no", None: ""}[line["met"]]
    return f"{line['name']:<28} {value:>10} {line['unit']:<10} {line['goal'] or '':<9} {met:<4}"
