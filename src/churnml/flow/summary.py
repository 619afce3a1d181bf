"""What a run has come to, in a few lines for a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from churnml.evaluation.backtest import MODEL
from churnml.storage import read_json

__all__ = ["summary_lines"]

_COLUMNS = {
    "churn": {
        "roc_auc": "AUC",
        "log_loss": "log loss",
        "ece": "ECE",
        "lift_10": "lift 10%",
        "capture_10": "capture 10%",
    },
    "clv": {
        "normalised_gini": "gini",
        "spearman": "spearman",
        "mean_absolute_error": "MAE",
        "total_ratio": "total/actual",
        "interval_coverage": "coverage",
    },
}


def summary_lines(root: Path) -> Iterator[str]:
    """Yield the figures of each model beside the simple rules, the gate's words, and where the lists lie."""
    for name, figures in read_json(root / "reports" / "evaluation.json").items():
        kind = "tested on later dates" if figures["is_out_of_time"] else "tested on other customers, not on later dates"
        yield f"\n{name}: {figures['n_customers']:,} customers, {kind}: {', '.join(figures['by_cut_off'])}"
        yield from _table(figures)
        yield from _reasons(figures.get("reasons"))
        remarks = (*figures["verdict"]["reasons"], *figures["verdict"]["warnings"])
        yield from (f"  {remark['en']}" for remark in remarks)
    yield from _monitored(root / "reports" / "monitor.json")
    for manifest in sorted((root / "data" / "lists").glob("*/manifest.json")):
        yield from _list_lines(manifest.parent.relative_to(root).as_posix(), read_json(manifest))


def _monitored(path: Path) -> Iterator[str]:
    """Yield what monitoring says needs attention, or that nothing does."""
    if path.exists():
        findings = read_json(path)["verdict"]["findings"]
        grave = [finding["en"] for finding in findings if finding["state"] in {"alarm", "warning"}]
        yield "\nmonitoring: " + ("something needs attention" if grave else "nothing needs attention")
        yield from (f"  {line}" for line in grave)


def _list_lines(place: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    counts = manifest["counts"]
    if "verdict" in manifest:
        yield f"\n{place}: {counts['listed']:,} listed"
        yield f"  {manifest['verdict']['en']}"
        return
    yield (
        f"\n{place}: {counts['contact']:,} to contact, "
        f"{counts['holdout']:,} held out, {counts['excluded']:,} left out, each with the reason"
    )
    if not counts["contact"]:
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in manifest["excluded"].items())
        yield f"  nobody to contact: {reasons}"


def _reasons(found: Mapping[str, Any] | None) -> Iterator[str]:
    if found and found["beats_other"] is not None:
        yield f"  undoing the first reason lowers the risk more than another cause does: {found['beats_other']:.0%}"
    if found and found["is_first_kept"] is not None:
        yield f"  the next model names the same first reason: {found['is_first_kept']:.0%}"


def _table(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the model first, then the rules from best to worst, one line each."""
    columns, ranking, overall = _COLUMNS[figures["kind"]], figures["ranking"], figures["overall"]
    rules = sorted((name for name in overall if name != MODEL), key=lambda name: -(overall[name][ranking] or 0.0))
    yield "  " + "".ljust(18) + "".join(title.rjust(14) for title in columns.values())
    for name in (MODEL, *rules):
        cells = (overall[name].get(key) for key in columns)
        yield "  " + name.ljust(18) + "".join(("" if cell is None else f"{cell:,.3f}").rjust(14) for cell in cells)
