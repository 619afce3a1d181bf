"""Checks of a scoring run: are the tables fresh, are they what the model learned from, and do they still look so."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel
from churnml.estimators.reference import ProfileCounts
from churnml.evaluation.drift import DriftLimits, Moved, moved_columns
from churnml.flow.freshness import fresh_facts, require_fresh
from churnml.flow.reference import column_of, is_expectation, profile_in, require_known_columns
from churnml.histories.store import History
from churnml.timeline import days_to_us, us_to_iso

__all__ = ["ScoreChecks", "group_moved", "moved_from", "source_facts"]

Float32s = npt.NDArray[np.float32]
Sources = dict[tuple[str, str], list[Moved]]
_ENOUGH_ROWS = 20_000
"""More rows tell the share of a bin no better, and counting all of ten million would take as long as scoring them."""

_OF_LATE_US = days_to_us(14)


def moved_from(counts: ProfileCounts, params: Params, *, as_of: int) -> list[Moved]:
    """Return how far each column has moved from what the model learned from, by the limits of ``monitoring``."""
    block, tables = params.monitoring, params.histories.tables
    calendars = {name for name, table in tables.items() if table.kind == "calendar"}
    return moved_columns(
        counts.profile,
        counts.counts,
        as_of=as_of,
        limits=DriftLimits(block.psi_warn, block.psi_alarm, block.min_rows),
        led={name for name in counts.counts if column_of(name, params)[0] in calendars or is_expectation(name, tables)},
    )


class ScoreChecks:
    """The checks of one run: made before anything is scored, shown the rows as they are scored, asked at the end.

    Parameters
    ----------
    params : Params
    history : History
    model : LoadedModel
        The churn model.

    Raises
    ------
    DataError
        If a table is too old.
    ModelError
        If the histories lack what the model has learned from.
    """

    def __init__(self, params: Params, history: History, model: LoadedModel) -> None:
        self._params, self._history, self._model = params, history, model
        self.freshness = require_fresh(params, history)
        require_known_columns(params, model.meta)
        profile = profile_in(model.meta, "features")
        self._counts = None if profile is None else ProfileCounts(profile)
        self._lock = threading.Lock()

    def see(self, matrix: Float32s, *, n_rows: int) -> None:
        """Count rows as the model sees them, in batches of any size and order; of many every so-many-th.

        Parameters
        ----------
        matrix : ndarray of float32, shape (n, n_features)
            In the order of the model's features.
        n_rows : int
            Rows in all batches together.
        """
        if self._counts is None or not len(matrix):
            return
        with self._lock:
            self._counts.add(matrix[:: -(-n_rows // _ENOUGH_ROWS)])

    def moved(self) -> list[Moved]:
        """Return how far each column has moved; empty for a model without a profile, and for too few rows."""
        if self._counts is None:
            return []
        return moved_from(self._counts, self._params, as_of=self._history.as_of)

    def finish(self) -> dict[str, Any]:
        """Return what was found, for the manifest.

        Raises
        ------
        ModelError
            If a column lies past ``monitoring.psi_stop``.
        """
        moved, stop = self.moved(), self._params.monitoring.psi_stop
        alarms = group_moved([one for one in moved if one.state == "alarm"], self._params)
        gross = [one for one in moved if one.state == "alarm" and stop is not None and one.excess > stop]
        if gross:
            raise _drifted(group_moved(gross, self._params), self._params)
        checked = "no reference" if self._counts is None else "too few rows" if not moved else "checked"
        return {
            "freshness": [fresh_facts(table) for table in self.freshness],
            "stale": [table.table for table in self.freshness if table.is_stale],
            "silent": [table.table for table in self.freshness if table.is_silent],
            "incomplete": _incomplete(self._history),
            "drift": {
                "status": checked,
                "columns": len(moved),
                "warnings": sum(one.state == "warning" for one in moved),
                "alarms": [source_facts(source, columns) for source, columns in alarms.items()],
            },
        }


def _incomplete(history: History) -> list[dict[str, str]]:
    """Return the tables whose last days seem to lack rows, and from when on."""
    last = [hole for hole in history.holes if hole[2] >= history.as_of - _OF_LATE_US]
    return [{"table": table, "from": us_to_iso(begin), "to": us_to_iso(end)} for table, begin, end in last]


def group_moved(moved: Sequence[Moved], params: Params) -> Sources:
    """Return columns of the model by the table and the column they are made of, what moved most first."""
    found: Sources = {}
    for one in moved:
        found.setdefault(column_of(one.name, params), []).append(one)
    return dict(sorted(found.items(), key=lambda item: -item[1][0].excess))


def source_facts(source: tuple[str, str], columns: Sequence[Moved]) -> dict[str, Any]:
    """Return what is told of one column of the histories and the features made of it."""
    first = columns[0]
    return {
        "table": source[0],
        "column": source[1],
        "features": len(columns),
        "feature": first.name,
        "psi": round(first.index, 4),
        "missing_then": round(first.missing_then, 4),
        "missing_now": round(first.missing_now, 4),
        "share_then": round(first.then, 4),
        "share_now": round(first.now, 4),
    }


def _drifted(sources: Sources, params: Params) -> ModelError:
    (table, column), columns = next(iter(sources.items()))
    place = ".".join(part for part in (table, column) if part) or columns[0].name
    others = [".".join(part for part in source if part) for source in list(sources)[1:4]]
    more = f"; also {', '.join(other for other in others if other)}" if any(others) else ""
    first = columns[0]
    if first.missing_now - first.missing_then > 0.1:
        what = (
            f"missing or unknown to the model in {first.missing_now:.0%} of the rows, {first.missing_then:.0%} before"
        )
    else:
        what = f"{first.now:.0%} of the rows lie where {first.then:.0%} did when the model learned"
    return ModelError(
        f"{place} no longer looks as it did when the model learned: {first.name} has a stability index of "
        f"{first.index:.2f} ({what}){more}",
        rule="model.drift",
        file=getattr(params.histories.tables.get(table), "file", (None,))[0],
        column=column or None,
        count=sum(len(each) for each in sources.values()),
        next_step="Look whether a unit, a level or the delivery of that table has changed; if the change is meant, "
        "train again, or raise monitoring.psi_stop.",
    )
