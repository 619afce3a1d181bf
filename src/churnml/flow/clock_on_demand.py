"""The response clock asked for on the command line: which event, and where its files go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churnml.config import Params
from churnml.errors import ConfigError, did_you_mean
from churnml.exports.clock_page import clock_page
from churnml.flow.clock import Window, clock_of
from churnml.flow.crises import crises_of
from churnml.flow.named import open_named
from churnml.flow.on_demand import configured_rule
from churnml.flow.response import alerts_of
from churnml.histories.store import History
from churnml.storage import read_json, write_bytes, write_json
from churnml.timeline import days_to_us, parse_instant, us_to_iso

__all__ = ["clock_on_demand", "window_of"]


def clock_on_demand(
    params: Params,
    *,
    root: Path,
    out: Path,
    affected: str | None = None,
    **given: str | None,
) -> dict[str, Any]:
    """Write ``clock.json`` and ``clock.html`` from what the last run prepared.

    Parameters
    ----------
    params : Params
    root, out : Path
        Project folder; folder of the files.
    affected : str, optional
        List of ``lists.affected``: whom the event concerns.
    **given : str or None
        As :func:`window_of` takes it.

    Returns
    -------
    dict
        As :func:`churnml.flow.clock.clock_of`.
    """
    history = open_named(root / "data" / "prepared", root=root)
    rule = None if affected is None else configured_rule(params, affected)
    window = window_of(params, history, root=root, **given)
    found = clock_of(params, history, window, root=root, concerned=rule)
    write_json(found, out / "clock.json")
    write_bytes(clock_page(found, language=params.campaign.language), out / "clock.html")
    return found


def window_of(
    params: Params,
    history: History,
    *,
    root: Path,
    first: str | None = None,
    until: str | None = None,
    crisis: str | None = None,
) -> Window:
    """Return the event that is meant: the days given, a crisis of the register, else what lasts, else the last days.

    Where nothing is asked, the crisis or alarm that began first among those that last is meant; alarms are those of the
    last verdict (``reports/warning.json``), where it was given on this history.

    Raises
    ------
    ConfigError
        If there is no such crisis, or a day is none.
    """
    zone = params.histories.timezone
    end = history.as_of if until is None else parse_instant(until, timezone=zone)
    if first is not None:
        return Window(parse_instant(first, timezone=zone), end, "asked")
    known = crises_of(params, history, known_by=history.as_of)
    if crisis is not None:
        named = next((each for each in known if each.name == crisis), None)
        if named is None:
            near = did_you_mean(crisis, [each.name for each in known])
            raise ConfigError(
                "no such crisis", rule="config.crisis", column="crisis", next_step=near or "See docs/crises.md."
            )
        over = end if named.end is None or until is not None else min(named.end, end)
        return Window(named.start, over, "crisis", named.name)
    lasting = [Window(each.start, end, "crisis", each.name) for each in known if each.lasts_at(history.as_of)]
    lasting += _alarms(history, root, end)
    recent = Window(end - days_to_us(params.response.window_days), end, "recent")
    return min(lasting, key=lambda each: (each.first, each.name), default=recent)


def _alarms(history: History, root: Path, end: int) -> list[Window]:
    path = root / "reports" / "warning.json"
    if not path.is_file():
        return []
    verdict = read_json(path)
    if verdict.get("as_of") != us_to_iso(history.as_of):
        return []
    alerts = [alert for alert in alerts_of(verdict, at=history.as_of) if alert.raised_us < end]
    return [Window(alert.raised_us, end, "alarm", alert.names[0]) for alert in alerts]
