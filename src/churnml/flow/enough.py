"""Do the data suffice, and how exactly could a model be measured: from counts alone, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from churnml.config import CustomersTable, EventsTable, Params, SpellsTable
from churnml.errors import ChurnmlError, TimeContractError
from churnml.exports.data_check_page import data_check_page
from churnml.flow.label import label
from churnml.flow.roles import churn_window
from churnml.flow.spine import make_spine
from churnml.histories.store import History
from churnml.metrics.planning import precision_at, share_interval, top_rate
from churnml.snapshots.spine import SnapshotPlan
from churnml.snapshots.splits import split_by_date
from churnml.storage import read_json, write_bytes, write_json
from churnml.timeline import us_to_iso
from churnml.wording import LANGUAGES, words

__all__ = ["add_to_report", "enough", "enough_lines"]

_ASSUMED_AUC, _TOP = 0.8, 0.1
_PRECISE, _USABLE, _ROUGH = 0.02, 0.05, 0.1
_WANTED = 0.03
_FEW = 10
_MANY_DATES = 3


def enough(history: History, params: Params, folder: Path) -> dict[str, Any]:
    """Count what could be learned from and tested on, and say what it is good for.

    Parameters
    ----------
    history : History
    params : Params
    folder : Path
        Private folder for the snapshots and labels.

    Returns
    -------
    dict
        ``verdict`` (precise, usable, rough, too_few, none); counts; ``auc`` and ``top_rate``, each with the interval in
        which it would be measured; ``texts`` and ``bring``: sentences by language.
    """
    try:
        plan = make_spine(history, params, folder / "spine")
        counts = label(history, params, folder / "spine", folder / "labels")
    except ChurnmlError as error:
        # The check of the data is passed: what stops here is the question, and the error says what to change.
        return _nothing(history, params, error)
    return _judged(history, params, plan, counts["by_date"])


def _nothing(history: History, params: Params, error: ChurnmlError) -> dict[str, Any]:
    stopped = {language: words("enough.none", language, problem=str(error)) for language in LANGUAGES}
    shorter = ["longer"] if isinstance(error, TimeContractError) else []
    bring = [*shorter, *_lacking(history, params)]
    return {"verdict": "none", "texts": [stopped], "bring": [_sentence(f"enough.bring.{each}") for each in bring]}


def _judged(history: History, params: Params, plan: SnapshotPlan, by_date: dict[str, dict[str, int]]) -> dict[str, Any]:
    known = {name: each for name, each in by_date.items() if each["churned"] + each["stayed"]}
    n_churned, n_stayed = (sum(each[kind] for each in known.values()) for kind in ("churned", "stayed"))
    tested = _tested(params, plan, known)
    # One date alone: the same customers come again at the others, so these add less than their number.
    newest = known[tested[-1]] if tested else {"churned": n_churned, "stayed": n_stayed}
    found: dict[str, Any] = {
        "dates": len(known),
        "tested_dates": tested,
        "labelled": n_churned + n_stayed,
        "churned": n_churned,
        "tested_customers": newest["churned"] + newest["stayed"],
        "tested_churned": newest["churned"],
        "churn_rate": n_churned / max(n_churned + n_stayed, 1),
    }
    if min(newest["churned"], newest["stayed"]) < 1:
        bring = [
            _sentence("enough.bring.outcomes"),
            *(_sentence(f"enough.bring.{x}") for x in _lacking(history, params)),
        ]
        return found | {
            "verdict": "too_few",
            "texts": [_counted(found), _sentence("enough.one_outcome")],
            "bring": bring,
        }
    auc = precision_at(_ASSUMED_AUC, n_churned=newest["churned"], n_stayed=newest["stayed"])
    rate = newest["churned"] / (newest["churned"] + newest["stayed"])
    n_top = max(1, round(_TOP * found["tested_customers"]))
    top = share_interval(top_rate(_ASSUMED_AUC, base_rate=rate, fraction=_TOP), n=n_top)
    found |= {"auc": auc._asdict(), "top_rate": top._asdict() | {"n": n_top}}
    found["verdict"] = _verdict(auc.half_width, _least(newest))
    exact = _sentence(
        "enough.precision",
        auc=_ASSUMED_AUC,
        low=auc.low,
        high=auc.high,
        top=top.expected,
        top_low=top.low,
        top_high=top.high,
        n_top=n_top,
    )
    found["texts"] = [_sentence(f"enough.verdict.{found['verdict']}"), _counted(found), exact]
    found["bring"] = [
        *_more(found, auc.half_width),
        *(_sentence(f"enough.bring.{x}") for x in _lacking(history, params)),
    ]
    return found


def _least(counts: dict[str, int]) -> int:
    return min(counts["churned"], counts["stayed"])


def _verdict(half_width: float, n_least: int) -> str:
    if n_least < _FEW or half_width > _ROUGH:
        return "too_few"
    return "precise" if half_width <= _PRECISE else "usable" if half_width <= _USABLE else "rough"


def _tested(params: Params, plan: SnapshotPlan, known: dict[str, dict[str, int]]) -> list[str]:
    """Return the dates a backtest would test on, by the rule that training follows; none = by customer."""
    if params.churn.definition == "label" or plan.anchors_us:
        return []
    dates = np.array([at for at in plan.churn_dates.tolist() if us_to_iso(at) in known], dtype=np.int64)
    return [split.name for split in split_by_date(dates, reach_us=churn_window(params, plan).reach_us + plan.settle_us)]


def _counted(found: dict[str, Any]) -> dict[str, str]:
    key = "enough.counts" if found["tested_dates"] else "enough.counts_by_customer"
    return _sentence(
        key,
        labelled=found["labelled"],
        churned=found["churned"],
        rate=found["churn_rate"],
        dates=found["dates"],
        tested=len(found["tested_dates"]),
        customers=found["tested_customers"],
        leavers=found["tested_churned"],
    )


def _more(found: dict[str, Any], half_width: float) -> Iterator[dict[str, str]]:
    """Yield what would make the figures more exact."""
    if half_width > _WANTED:
        yield _sentence("enough.bring.more", times=(half_width / _WANTED) ** 2, half=_WANTED)
    if found["tested_dates"] and len(found["tested_dates"]) < _MANY_DATES:
        yield _sentence("enough.bring.dates", tested=len(found["tested_dates"]))
    if not found["tested_dates"] and found["dates"] > 1:
        yield _sentence("enough.bring.longer")
    if found["churn_rate"] < 0.01 or found["churn_rate"] > 0.9:
        yield _sentence("enough.bring.horizon", rate=found["churn_rate"])


def _lacking(history: History, params: Params) -> Iterator[str]:
    """Yield, as keys of words, what these tables lack that others have learned much from."""
    tables = params.histories.tables
    customers = [table for table in tables.values() if isinstance(table, CustomersTable)]
    dated = [name for name, table in tables.items() if isinstance(table, EventsTable | SpellsTable)]
    if not customers:
        yield "customers"
    elif not customers[0].consent.columns:
        yield "consent"
    if params.churn.definition != "label" and len(dated) < 2:
        yield "behaviour"
    if params.churn.definition == "label":
        yield "history"
    if params.treatments is None:
        yield "treatments"
    table = tables[params.churn.table]
    if isinstance(table, EventsTable) and table.known_at is None and not table.latency_days:
        yield "known_at"
    if dated and (params.clv is None or params.clv.measure == "count"):
        yield "money"
    if history.holes:
        yield "holes"


def _sentence(key: str, **figures: object) -> dict[str, str]:
    return {language: words(key, language, **figures) for language in LANGUAGES}


def add_to_report(found: dict[str, Any], report: Path, page: Path) -> None:
    """Add what was found to the data check that lies there, and render its page again."""
    facts = read_json(report) | {"enough": found}
    write_json(facts, report)
    findings = facts.pop("findings")
    write_bytes(data_check_page(findings, facts), page)


def enough_lines(found: dict[str, Any], *, language: str) -> Iterator[str]:
    """Yield the sentences for a terminal."""
    yield from (text[language] for text in found["texts"])
    if found["bring"]:
        yield words("enough.bring", language)
    yield from (f"  - {text[language]}" for text in found["bring"])
