"""Random histories with versions of rows, as the prepared store holds them; times crowd around given dates."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from factories import AS_OF, DAY, WINDOWS

Row = dict[str, Any]
HOUR = DAY // 24


def instant(rng: np.random.Generator, dates: tuple[int, ...]) -> int:
    """Return a time, half of them at the edge of something, a microsecond either side included."""
    if rng.random() < 0.5:
        offset = int(rng.choice([0, *(-days * DAY for days in WINDOWS), 30 * DAY, 33 * DAY]))
        return int(rng.choice(dates)) + offset + int(rng.integers(-1, 2))
    return AS_OF - int(rng.integers(0, 400)) * DAY


def random_spells(rng: np.random.Generator, dates: tuple[int, ...]) -> list[Row]:
    """Return one customer's spells: overlaps, changes of plan, gaps, nothing at all, ends that come in late."""
    rows: list[Row] = []
    start = instant(rng, dates)
    for _ in range(int(rng.integers(0, 6))):
        end = start + int(rng.choice([0, 10 * HOUR, DAY, 29 * DAY, 30 * DAY, 90 * DAY])) + int(rng.integers(-1, 2))
        spell = {
            "started_at": start,
            "known_at": int(rng.choice([start, start + 3 * DAY])),
            "ended_at": end if rng.random() < 0.8 else None,
            "planned_end": start + 60 * DAY if rng.random() < 0.5 else None,
            "amount": None if rng.random() < 0.1 else Decimal(int(rng.choice([500, 900]))) / 100,
            "tier": str(rng.choice(["basic", "plus"])),
            "end_reason": str(rng.choice(["price", "moved"])),
        }
        rows += versions(rng, spell, "started_at")
        step = int(rng.choice([0, 1, 8 * HOUR, DAY, DAY + 1, -DAY, -20 * DAY, 3 * DAY, 4 * DAY, 60 * DAY]))
        start = instant(rng, dates) if rng.random() < 0.2 else end + step
    return sorted(
        rows, key=lambda r: (r["started_at"], 10**18 if r["ended_at"] is None else r["ended_at"], r["known_at"])
    )


def random_events(rng: np.random.Generator, dates: tuple[int, ...]) -> list[Row]:
    """Return one customer's events, some corrected later."""
    rows: list[Row] = []
    for _ in range(int(rng.integers(0, 9))):
        time = instant(rng, dates)
        event = {
            "occurred_at": time,
            "known_at": time + int(rng.choice([0, 0, 1, 5 * DAY, 40 * DAY])),
            "amount": None if rng.random() < 0.1 else Decimal(int(rng.integers(-4000, 20000))) / 100,
            "items": float(rng.integers(0, 9)),
            "channel": [None, "web", "shop"][int(rng.integers(0, 3))],
        }
        rows += versions(rng, event, "occurred_at")
    return sorted(rows, key=lambda r: (r["occurred_at"], r["known_at"]))


def versions(rng: np.random.Generator, row: Row, clock: str) -> list[Row]:
    """Return a row as known at ``AS_OF``, half the time with an earlier version that said something else."""
    earlier: Row = dict(row)
    if clock == "started_at":
        earlier["ended_at"] = None
        later_known = row["known_at"] + 20 * DAY if row["ended_at"] is None else row["ended_at"] + 5 * DAY
    else:
        earlier |= {"channel": "shop", "amount": Decimal(int(rng.integers(-900, 900))) / 100}
        later_known = row["known_at"] + int(rng.choice([1, 10 * DAY, 60 * DAY]))
    later_known = max(later_known, row["known_at"] + 1, row[clock] + 1)
    made = [row]
    if rng.random() < 0.5:
        made = [earlier | {"superseded_at": later_known}, row | {"known_at": later_known}]
    made = [{"superseded_at": None, **r} for r in made if max(r[clock], r["known_at"]) <= AS_OF]
    for r in made:
        r["superseded_at"] = None if r["superseded_at"] is None or r["superseded_at"] > AS_OF else r["superseded_at"]
        if r.get("ended_at") is not None and r["ended_at"] > AS_OF:
            r["ended_at"] = None
    return made


def named(rows: dict[str, list[Row]]) -> list[Row]:
    """Return the rows of all customers, each with its customer."""
    return [{"id": name, **row} for name, own in rows.items() for row in own]
