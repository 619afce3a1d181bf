"""Crises of the register, and in which regime a company is at an instant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from churnml.timeline import us_to_iso
from churnml.wording import words

__all__ = ["SEVERITIES", "TYPES", "Crisis", "Regime", "State", "in_force", "not_normal", "regime_words"]

TYPES = ("operations", "finance", "strategy", "brand_reputation", "natural_disaster", "outside_event")
SEVERITIES = ("minor", "serious", "severe")
"""In ascending order."""

State = Literal["normal", "alarm", "crisis"]


@dataclass(frozen=True, slots=True)
class Crisis:
    """A crisis of the register.

    Parameters
    ----------
    name, type, severity, scope : str
        Name; one of :data:`TYPES`; one of :data:`SEVERITIES`; whom it concerns, empty = everybody.
    start, known_at : int
        Microseconds.
    end : int or None
        The instant at which it is over; None = it lasts.
    table : str
        Calendar table it stands in; empty where it is declared in ``params.yaml``.
    row : int
        Row of that table, or place in the list, from 1.
    """

    name: str
    type: str
    severity: str
    scope: str
    start: int
    known_at: int
    end: int | None = None
    table: str = ""
    row: int = 0

    def lasts_at(self, instant: int) -> bool:
        """Return whether it has begun, is known and is not over at an instant."""
        return max(self.start, self.known_at) <= instant and (self.end is None or instant < self.end)

    def facts(self) -> dict[str, Any]:
        """Return what is told of it, plain values."""
        return {
            "name": self.name,
            "type": self.type,
            "severity": self.severity,
            "scope": self.scope,
            "start": us_to_iso(self.start)[:10],
            "end": None if self.end is None else us_to_iso(self.end)[:10],
        }


@dataclass(frozen=True, slots=True)
class Regime:
    """Whether the company is in its normal regime, and what says that it is not.

    Parameters
    ----------
    state : str
        ``crisis`` where a crisis lasts, else ``alarm`` where the early warning says so of losses, else ``normal``.
    crises : tuple of Crisis
        Those that last.
    alarm_on, alarm_since : str or None
        Days of the verdict that is an alarm, and since when losses have been out of line by it.
    """

    state: State = "normal"
    crises: tuple[Crisis, ...] = ()
    alarm_on: str | None = None
    alarm_since: str | None = None

    @property
    def until(self) -> str | None:
        """Return the day from which the regime is normal again by what is known; None = nobody knows."""
        ends = [crisis.end for crisis in self.crises]
        if self.alarm_on is not None or not ends or None in ends:
            return None
        return us_to_iso(max(end for end in ends if end is not None))[:10]

    def facts(self) -> dict[str, Any]:
        """Return the flag, plain values."""
        alarm = None if self.alarm_on is None else {"as_of": self.alarm_on, "since": self.alarm_since}
        told = [crisis.facts() for crisis in self.crises]
        return {"state": self.state, "crises": told, "alarm": alarm, "until": self.until}


def in_force(crises: Iterable[Crisis], *, at: Sequence[int], least: str) -> tuple[Crisis, ...]:
    """Return the crises that last at one of some instants and are at least so severe."""
    floor = SEVERITIES.index(least)
    return tuple(
        crisis
        for crisis in crises
        if SEVERITIES.index(crisis.severity) >= floor and any(crisis.lasts_at(instant) for instant in at)
    )


def not_normal(crises: tuple[Crisis, ...], *, alarm_on: str | None, alarm_since: str | None) -> Regime:
    """Return the regime that crises in force and an alarm make."""
    state: State = "crisis" if crises else "normal" if alarm_on is None else "alarm"
    return Regime(state, crises, alarm_on, alarm_since)


def regime_words(regime: Regime, language: str) -> str:
    """Return what says that the regime is not normal, empty where it is."""
    told = [
        words(
            "regime.crisis_until" if crisis["end"] else "regime.crisis",
            language,
            name=crisis["name"],
            kind=words(f"crisis.type_{crisis['type']}", language),
            severity=words(f"crisis.severity_{crisis['severity']}", language),
            scope=crisis["scope"] or words("impact.everybody", language),
            start=crisis["start"],
            end=crisis["end"],
        )
        for crisis in regime.facts()["crises"]
    ]
    if regime.alarm_on is not None:
        told.append(words("regime.alarm", language, day=regime.alarm_on, since=regime.alarm_since or regime.alarm_on))
    return words("regime.joined", language).join(told)
