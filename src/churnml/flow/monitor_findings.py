"""What a run's figures come to, in sentences: what needs attention first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from churnml.wording import LANGUAGES, words

__all__ = ["Finding", "findings_of"]

Report = Mapping[str, Any]
_GRAVEST = ("alarm", "warning", "unknown", "steady")
_STALE, _MOVED = 3, 5
_HELD_OUT_BORNE = 0.05
"""Share of the held out that may be contacted by mistake before the comparison is called spoilt."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence.

    Parameters
    ----------
    area : str
        ``regime``, ``freshness``, ``drift``, ``scores``, ``matured`` or ``lists``.
    rule : str
        Key of the catalogue under ``monitor.finding``.
    state : str
        ``alarm``, ``warning``, ``unknown`` (not known yet) or ``steady``.
    figures : mapping
        What stands in its places.
    exit_code : int
        Of an alarm.
    """

    area: str
    rule: str
    state: str
    figures: Mapping[str, Any]
    exit_code: int = _MOVED

    def as_dict(self) -> dict[str, Any]:
        """Return it with its sentence in each language."""
        texts = {language: words(f"monitor.finding.{self.rule}", language, **self.figures) for language in LANGUAGES}
        plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in self.figures.items()}
        return {"area": self.area, "rule": self.rule, "state": self.state, "figures": plain, **texts}


def findings_of(report: Report) -> list[Finding]:
    """Return what is worth a sentence, the gravest first."""
    found = [*_regime(report["regime"]), *_fresh(report), *_drift(report["drift"]), *_scores(report["scores"])]
    found += [*_matured(report["matured"]), *(one for each in report["lists"] for one in _list(each, report))]
    if not any(one.state in {"alarm", "warning"} for one in found):
        found.append(Finding("drift", "quiet", "steady", {}))
    return sorted(found, key=lambda one: _GRAVEST.index(one.state))


def _regime(regime: Report) -> Iterator[Finding]:
    for crisis in regime["crises"]:
        yield Finding("regime", "crisis", "warning", {key: crisis[key] for key in ("name", "start")})
    if regime["alarm"] is not None:
        yield Finding("regime", "loss_alarm", "warning", {"day": regime["alarm"]["as_of"]})


def _fresh(report: Report) -> Iterator[Finding]:
    for table in report["freshness"]:
        named = {"table": table["table"]}
        if table["is_stale"] and table["age_days"] is None:
            yield Finding("freshness", "empty", "alarm", named, _STALE)
        elif table["is_stale"]:
            ages = {"age": table["age_days"], "limit": table["max_age_days"]}
            yield Finding("freshness", "stale", "alarm", named | ages, _STALE)
        elif table["is_silent"]:
            ages = {"age": table["age_days"], "pause": table["longest_pause_days"]}
            yield Finding("freshness", "silent", "warning", named | ages)


def _drift(drift: Report) -> Iterator[Finding]:
    if drift["status"] != "checked":
        yield Finding("drift", drift["status"], "unknown", {})
    for source in drift["sources"]:
        place = ".".join(part for part in (source["table"], source["column"]) if part) or source["feature"]
        figures = {"place": place, "feature": source["feature"], "n": source["features"], "psi": source["psi"]}
        gone = source["missing_now"] - source["missing_then"] > 0.1
        shares = ("missing_then", "missing_now") if gone else ("share_then", "share_now")
        figures |= {"then": source[shares[0]], "now": source[shares[1]]}
        yield Finding("drift", "gone" if gone else "moved", source["state"], figures)


def _scores(scores: Report) -> Iterator[Finding]:
    for name in ("training", "since_previous"):
        shift = scores[name]
        if shift is not None and shift["state"] in {"warning", "alarm"}:
            now, previous = scores["now"], scores["previous"] or {}
            figures = {"psi": shift["psi"], "mean": now["mean_p"], "before": previous.get("mean_p")}
            yield Finding("scores", f"scores_{name}", shift["state"], figures)


def _matured(matured: Report) -> Iterator[Finding]:
    judged = [run for run in matured["runs"] if run.get("level", "unknown") != "unknown"]
    if judged:
        yield from _run(judged[-1])
    waiting = matured["waiting"]
    if waiting["runs"] and not judged:
        figures = {"n": waiting["runs"], "day": date.fromisoformat(waiting["next_on"])}
        yield Finding("matured", "scores_waiting", "unknown", figures)
    elif not judged and not matured["runs"]:
        yield Finding("matured", "scores_none", "unknown", {})


def _run(run: Report) -> Iterator[Finding]:
    overall = run["overall"]
    figures = {"day": date.fromisoformat(run["day"]), "n": overall["n"]}
    figures |= {name: overall[name] for name in ("expected", "observed", "low", "high")}
    yield Finding("matured", f"level_{run['level']}", run["level"], figures)
    if run["ranking"] in {"warning", "alarm"}:
        auc = {"auc": run["auc"], "low": run["auc_low"], "high": run["auc_high"]}
        yield Finding("matured", "ranking", run["ranking"], {"day": figures["day"], **auc})


def _list(one: Report, report: Report) -> Iterator[Finding]:
    named, waiting = {"campaign": one["campaign"]}, one["waiting"]
    if waiting["lists"] and not one["lists"]:
        figures = named | {"n": waiting["lists"], "day": date.fromisoformat(waiting["next_on"])}
        yield Finding("lists", "lists_waiting", "unknown", figures)
    if not one["lists"]:
        return
    churn = one["differences"].get("churn")
    if churn is None:
        yield Finding("lists", "lists_small", "unknown", named)
        return
    figures = named | {name: churn[name] for name in ("listed", "held_out")}
    figures |= {name: abs(churn[name]) for name in ("difference",)}
    rule = "lists_kept" if churn["high"] < 0 else "lists_lost" if churn["low"] > 0 else "lists_open"
    yield Finding("lists", rule, "warning" if rule == "lists_lost" else "steady", figures)
    yield from _gain(one, report)
    contacts = one["contacts"]
    if contacts is not None and contacts["held_out_contacted"] > _HELD_OUT_BORNE:
        yield Finding("lists", "held_out", "warning", named | {"share": contacts["held_out_contacted"]})


def _gain(one: Report, report: Report) -> Iterator[Finding]:
    expected, realised = one["gain"]["expected"], one["gain"]["realised"]
    if expected is None or realised is None:
        return
    figures = {"campaign": one["campaign"], "expected": expected, **realised, "currency": report["currency"]}
    missed = realised["high"] < expected
    yield Finding("lists", "gain_missed" if missed else "gain", "warning" if missed else "steady", figures)
