"""The lists that earlier runs kept, as a part of the parameters: outcomes are labelled anew after more of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from churnml.campaign.kept_ids import RECORDS
from churnml.config import Params
from churnml.dated import days_kept, newest_of_day
from churnml.storage import digest_bytes
from churnml.timeline import parse_instant

__all__ = ["kept_lists", "with_listed_digest"]


def with_listed_digest(params: Params, *, root: Path) -> Params:
    """Return the parameters with the digest of the lists kept before ``as_of``: outcomes are labelled anew after more.

    Raises
    ------
    DataError
        If a record is damaged.
    """
    treatments = params.treatments
    if treatments is None:
        return params
    digest = None
    if treatments.lists:
        timezone = params.histories.timezone
        until = parse_instant(params.histories.as_of, timezone=timezone)
        names = [
            f"{path.parent.parent.name}/{path.name}" for path, _ in kept_lists(root, timezone=timezone, until=until)
        ]
        digest = digest_bytes("\n".join(names).encode()) if names else None
    return params.model_copy(update={"treatments": treatments.model_copy(update={"digest": digest})})


def kept_lists(root: Path, *, timezone: str, until: int) -> list[tuple[Path, int]]:
    """Return the newest record of each campaign and day before an instant, and the instant of its list.

    Raises
    ------
    DataError
        If a record is damaged.
    """
    store = root / RECORDS
    folders = sorted(path for path in store.iterdir() if path.is_dir()) if store.is_dir() else []
    found = [(newest_of_day(folder, day), _instant(day, timezone)) for folder in folders for day in days_kept(folder)]
    return [(path, at) for path, at in found if at < until]


def _instant(day: date, timezone: str) -> int:
    return parse_instant(day.isoformat(), timezone=timezone)
