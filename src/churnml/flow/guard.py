"""The model guard: which regime the company is in, and what is refused while it is not the normal one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.errors import ModelError
from churnml.flow.crises import crises_of
from churnml.histories.crises import Regime, in_force, not_normal, regime_words
from churnml.histories.store import History, open_history
from churnml.storage import read_json
from churnml.timeline import parse_instant

__all__ = ["VERDICT", "guard_refusal", "regime_at", "regime_of"]

VERDICT = Path("reports") / "warning.json"
"""The last verdict of the early warning."""
_PREPARED = Path("data") / "prepared"


def regime_of(params: Params, history: History | None, *, verdict: Path | None, now: int | None = None) -> Regime:
    """Return the regime at ``histories.as_of``.

    Parameters
    ----------
    params : Params
    history : History or None
        With the calendar tables; None = only what ``params.yaml`` declares.
    verdict : Path or None
        The last verdict of the early warning; one that is not there, or was given later than ``as_of``, says nothing.
    now : int, optional
        A second instant at which crises count, microseconds: what was declared since.
    """
    at = params.histories.as_of_us
    instants = [at] if now is None else [at, max(at, now)]
    crises = in_force(crises_of(params, history, known_by=max(instants)), at=instants, least=params.guard.from_severity)
    said = _verdict(verdict, known_by=max(instants)) if params.guard.on_alarm else None
    if said is None:
        return not_normal(crises, alarm_on=None, alarm_since=None)
    since = next((each["since"] for each in said["figures"] if each["name"] == "losses"), None)
    return not_normal(crises, alarm_on=str(said["as_of"])[:10], alarm_since=since)


def regime_at(params: Params, *, root: Path, now: int | None = None) -> Regime:
    """Return the regime of a project, with what lies in its folder: prepared histories and the last verdict."""
    prepared = root / _PREPARED
    history = open_history(prepared) if (prepared / "manifest.json").exists() else None
    return regime_of(params, history, verdict=root / VERDICT, now=now)


def _verdict(path: Path | None, *, known_by: int) -> Mapping[str, Any] | None:
    """Return the verdict, if it is an alarm on losses that was given by then."""
    if path is None or not path.exists():
        return None
    said: Mapping[str, Any] = read_json(path)
    is_alarm = "losses" in said.get("alarms", ())
    return said if is_alarm and parse_instant(str(said["as_of"]), timezone="UTC") <= known_by else None


def guard_refusal(regime: Regime, model: str) -> ModelError | None:
    """Return why no model is promoted in a regime; None in the normal one."""
    if regime.state == "normal":
        return None
    until = f"it ends on {regime.until}" if regime.until else "no end is known"
    return ModelError(
        f"no version of {model} is promoted while the regime is not normal: {regime_words(regime, 'en')} ({until})",
        rule="model.guard",
        next_step="Keep the champion until then: enter the end of the crisis, or run churnml warn once losses are in "
        "line again; or use --force with --why, which leaves a trace.",
    )
