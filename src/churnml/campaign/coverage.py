"""How many of some customers a notice reaches: by channel, on one channel alone, and on all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.campaign.consent import Permissions, permit
from churnml.campaign.consent_values import CONSENT
from churnml.campaign.plan import CampaignPlan
from churnml.errors import PrivacyError
from churnml.exports.page import Table
from churnml.wording import figure, words

__all__ = ["Coverage", "coverage"]

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Who may and can be told where.

    Parameters
    ----------
    n : int
        Customers.
    used, others : mapping of str to ndarray of bool, shape (n,)
        Channel -> who agreed to it and can be reached there: of the list, and known beside it.
    """

    n: int
    used: Mapping[str, Bools]
    others: Mapping[str, Bools]

    @property
    def reached(self) -> Bools:
        """Return who is reached on any channel of the list."""
        found: Bools = np.any([*self.used.values(), np.zeros(self.n, dtype=bool)], axis=0)
        return found

    @property
    def only_elsewhere(self) -> Bools:
        """Return who is reached on no channel of the list, but on another one."""
        found: Bools = np.any([*self.others.values(), np.zeros(self.n, dtype=bool)], axis=0) & ~self.reached
        return found

    def alone(self, channel: str) -> int:
        """Return how many a channel of the list reaches that no other channel of it does."""
        rest = [is_open for name, is_open in self.used.items() if name != channel]
        return int((self.used[channel] & ~np.any([*rest, np.zeros(self.n, dtype=bool)], axis=0)).sum())

    def facts(self) -> dict[str, Any]:
        """Return the counts: by channel, together, and elsewhere only."""
        by_channel: dict[str, dict[str, Any]] = {
            name: {"is_used": True, "reached": int(is_open.sum()), "alone": self.alone(name)}
            for name, is_open in self.used.items()
        }
        by_channel |= {
            name: {"is_used": False, "reached": int(is_open.sum()), "alone": None}
            for name, is_open in self.others.items()
        }
        together = int(self.reached.sum())
        return {
            "customers": self.n,
            "by_channel": by_channel,
            "together": together,
            "share": round(together / self.n, 6) if self.n else None,
            "elsewhere_only": int(self.only_elsewhere.sum()),
        }

    def elsewhere(self, language: str) -> pa.Array:
        """Return for each customer the open channels that the list does not use, in words; null where there is none."""
        names = {name: words(f"channel.{name}", language) for name in self.others}
        comma = words("affected.comma", language)
        texts = [
            comma.join(text for name, text in names.items() if self.others[name][place]) for place in range(self.n)
        ]
        return pa.array([text or None for text in texts], pa.string())

    def paragraphs(self, language: str) -> list[tuple[str, str]]:
        """Return the sentence on those who could be told elsewhere, where there are any."""
        n = int(self.only_elsewhere.sum())
        return [(words("affected.elsewhere", language, n=n), "note")] if n else []

    def tables(self, language: str) -> list[tuple[str, Table]]:
        """Return the table of the channels; nothing where nobody is concerned."""
        if not self.n:
            return []
        rows = [self._row(name, "", is_open, language, self.alone(name)) for name, is_open in self.used.items()]
        rows += [self._row(name, "affected.not_used", is_open, language, None) for name, is_open in self.others.items()]
        rows.append(self._row("", "affected.any_used", self.reached, language, None))
        keys = ("column.channel", "affected.head_open", "list.share", "affected.head_only")
        titles = [words(key, language) for key in keys]
        table = Table(titles, rows, figures=frozenset({1, 2, 3}), bold=frozenset((len(rows) - 1, k) for k in range(3)))
        return [(words("affected.coverage_by_channel", language), table)]

    def _row(self, channel: str, key: str, is_open: Bools, language: str, alone: int | None) -> list[str]:
        text = words(f"channel.{channel}", language) if channel else ""
        name = words(key, language, channel=text) if key else text
        n = int(is_open.sum())
        last = "" if alone is None else figure(alone, "whole", language)
        return [name, figure(n, "whole", language), figure(n / self.n, "percent", language), last]


def coverage(customers: pa.Array, contacts: pa.Table | None, allowed: Permissions, *, plan: CampaignPlan) -> Coverage:
    """Return how many each channel reaches, those too that have a column of consent and are not used.

    Parameters
    ----------
    customers : Array of string
    contacts : Table or None
        See :func:`churnml.campaign.consent.permit`.
    allowed : Permissions
        What it returned for the channels of the plan.
    plan : CampaignPlan
    """
    if allowed.mode == "elsewhere":
        return Coverage(len(customers), {"unassigned": np.ones(len(customers), dtype=bool)}, {})
    columns = [] if contacts is None else contacts.column_names
    names = [name.removeprefix(CONSENT) for name in columns if name.startswith(CONSENT)]
    others: dict[str, Bools] = {}
    for name in names:
        if name not in plan.channels:
            # Consents nobody can read close a channel that is not asked for; they stop no list.
            with suppress(PrivacyError):
                others |= permit(customers, contacts, plan=plan, channels=[name]).is_open
    nobody = np.zeros(len(customers), dtype=bool)
    used = {name: allowed.is_open.get(name, nobody) for name in plan.channels}
    return Coverage(len(customers), used, others)
