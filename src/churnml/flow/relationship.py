"""Stage relationship: histories and scores in; the report of a period out, kept so that it can be issued again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from churnml import __version__
from churnml.config import Params, resolved
from churnml.engines.local import map_buckets
from churnml.errors import TimeContractError
from churnml.flow.relationship_actions import register_of
from churnml.flow.relationship_roles import relationship_roles
from churnml.flow.roles import churn_definition, churn_window
from churnml.flow.spine import settle_us
from churnml.histories.store import History
from churnml.relationship.assessment.cells import Terms
from churnml.relationship.assessment.gathered import Population
from churnml.relationship.assessment.page import relationship_page
from churnml.relationship.assessment.record import keep_report, last_report, refuse_another_population
from churnml.relationship.assessment.report import Brief, assess
from churnml.relationship.assessment.workbook import write_relationship_workbook
from churnml.relationship.customers import Subject
from churnml.relationship.period import Period
from churnml.storage import digest_bytes, write_bytes, write_json
from churnml.timeline import parse_instant, us_to_iso

__all__ = ["KEPT", "make_report", "period_end", "subject_of", "write_report"]

KEPT = Path(".churnml") / "relationship"
"""Outside of every stage's outputs, which DVC removes before the stage runs again."""


def period_end(params: Params, history: History) -> int:
    """Return the end of the period reported on.

    Raises
    ------
    TimeContractError
        If it lies after ``histories.as_of``, beyond which no row is read.
    """
    text = params.relationship.period_end
    end = history.as_of if text is None else parse_instant(text, timezone=params.histories.timezone)
    if end > history.as_of:
        raise TimeContractError(
            f"the period ends after histories.as_of ({us_to_iso(history.as_of)})",
            rule="time.period_end",
            file="params.yaml",
            column="relationship.period_end",
            next_step="Give an earlier day, or move histories.as_of.",
        )
    return end


def subject_of(params: Params, history: History, *, end: int) -> Subject:
    """Return whose relationship is measured how."""
    clv = params.clv
    churn = churn_definition(params)
    settle = 0 if churn.kind == "label" else settle_us(history, params, {params.churn.table})
    return Subject(
        history,
        relationship_roles(params, history, at=end),
        churn,
        churn_window(params),
        settle_us=settle,
        value_table="" if clv is None else clv.table,
        is_count=clv is not None and clv.measure == "count",
        label_values=params.churn.label_values,
    )


def make_report(
    params: Params, history: History, scores: pa.Table | None, *, root: Path, scores_digest: str = ""
) -> dict[str, Any]:
    """Return the report of the period, and keep it under its id.

    Parameters
    ----------
    params : Params
    history : History
    scores : pyarrow.Table, optional
        Of ``histories.as_of``; used where the period ends then.
    root : Path
        Project folder.
    scores_digest : str

    Raises
    ------
    ConfigError
        If earlier reports of this name are about another question or population.
    """
    end = period_end(params, history)
    brief = _brief(params, end, root=root)
    store = root / KEPT / brief.name
    refuse_another_population(store, brief)
    last = last_report(store, before=brief.day(brief.period.end))
    subject = subject_of(params, history, end=end)

    def run(function: Any) -> list[Any]:
        return map_buckets(function, n_buckets=history.n_buckets, threads=params.train.threads)

    current = scores if scores is not None and end == history.as_of else None
    report = assess(subject, brief, run, scores=current, last=last)
    report["lineage"] = {
        "version": __version__,
        "data": dict(sorted(history.digests.items())),
        "scores": scores_digest if current is not None else "",
        "model": _model(current),
        "settings": digest_bytes(json.dumps(resolved(params)["relationship"], sort_keys=True).encode()),
        "last_report": "" if last is None else last["id"],
    }
    report["id"] = digest_bytes(json.dumps(report, sort_keys=True, ensure_ascii=False).encode())[:12]
    # As it is read back: issued again, it is the same to the byte.
    told: dict[str, Any] = json.loads(json.dumps(report, sort_keys=True))
    keep_report(told, store)
    return told


def _model(scores: pa.Table | None) -> str:
    return "" if scores is None or not scores.num_rows else str(scores["model_version"][0].as_py())


def _brief(params: Params, end: int, *, root: Path) -> Brief:
    block = params.relationship
    whom = block.population
    return Brief(
        name=block.name,
        question=block.question or "",
        population=Population(whom.column or "", whom.value or "", whom.buyers),
        period=Period(end, block.period_days),
        timezone=params.histories.timezone,
        currency=params.histories.currency,
        terms=Terms(block.period_days, block.minimum, block.confidence, seed=params.train.seed),
        n_periods=block.periods,
        fdr=block.fdr,
        targets={name: (band.low, band.high) for name, band in block.targets.items()},
        actions=register_of(params, root=root),
        driver=block.driver or "",
        earlier=None if block.earlier is None else block.earlier.model_dump(exclude_none=True),
    )


def write_report(report: dict[str, Any], *, details: Path, page: Path, workbook: Path) -> None:
    """Write a report's three files: the figures, the page and the workbook, all from the same values."""
    write_json(report, details)
    write_bytes(relationship_page(report), page)
    write_relationship_workbook(report, workbook)
