"""How long until the event: from ``t + lead`` to it, or for how long none was seen; never a guess beyond that."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from churnml.histories.bucket import Bucket
from churnml.labels.cover import UNCOVERED, counting_ends, follow_cover
from churnml.labels.windows import any_hidden, first_after
from churnml.snapshots.population import ChurnDefinition
from churnml.timeline import DAY_US, NEVER, OutcomeWindow

__all__ = ["DurationLabels", "duration_labels"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DurationLabels:
    """What came after some snapshots, each array of shape (n_rows,).

    Parameters
    ----------
    event_days : ndarray of float64
        Days from ``t + lead`` to the event; NaN where none was seen. The event is what ends the silence for
        inactivity: the next activity. Of spell ends it is the end of the cover, of events the churn event.
    observed_days : ndarray of float64
        Days from ``t + lead`` up to which an event would have been seen, at least ``event_days``; NaN where nothing
        was observed or the outcome cannot be known.
    is_competing : ndarray of bool
        The cover ended for reasons that do not count: observed up to that end, and no longer at risk.
    """

    event_days: Floats
    observed_days: Floats
    is_competing: Bools


@numba.njit(cache=True, nogil=True)
def _cover_ends(
    offsets: Int64s,
    started: Int64s,
    ended: Int64s,
    counts: Bools,
    is_churn_end: Bools,
    customer: Int64s,
    dates: Int64s,
    grace: int,
    ends: Int64s,
    is_churn: Bools,
) -> None:
    """Write when the cover in force at each date ends, and whether any spell that ends then does so by churn."""
    for r in range(customer.shape[0]):
        first, last = offsets[customer[r]], offsets[customer[r] + 1]
        ends[r] = follow_cover(started, ended, counts, first, last, dates[r], NEVER - 1, grace)
        for k in range(first, last):
            if counts[k] and ended[k] == ends[r] and is_churn_end[k]:
                is_churn[r] = True


def duration_labels(
    bucket: Bucket,
    definition: ChurnDefinition,
    window: OutcomeWindow,
    customer: Int64s,
    dates: Int64s,
    *,
    observed_until: int | Int64s,
) -> DurationLabels:
    """Measure how long it took, by the rules of :func:`churnml.labels.churn.churn_labels`.

    Wherever both are known, churned within the horizon is exactly ``event_days <= horizon``; for inactivity, whose
    event is the return, exactly the opposite.

    Parameters
    ----------
    bucket : Bucket
    definition : ChurnDefinition
        Of inactivity, spell ends or events.
    window : OutcomeWindow
        Its lead and its grace; the horizon does not matter.
    customer, dates : ndarray of int64, shape (n_rows,)
        Snapshots at risk.
    observed_until : int or ndarray of int64, shape (n_rows,)
        Instant up to which outcomes are known: when they are settled, or earlier where they were disturbed. A spell
        end is known only after its grace.

    Returns
    -------
    DurationLabels
        All missing where the label is censored whatever the horizon: the cover ended in the lead time, or, known
        later, before *t*; or a churn event stood there that was not known at *t*.
    """
    opens = window.opens(dates)
    is_competing = np.zeros(len(dates), dtype=bool)
    if definition.kind == "spell_end":
        happened, is_churn = _ends_of_cover(bucket, definition, window, customer, dates)
        is_unknown = happened <= opens
        is_competing = ~is_churn
    else:
        happened, is_unknown = _first_rows(bucket, definition, customer, dates, opens)
    known_until = np.minimum(observed_until, NEVER) - window.grace_us
    is_seen = ~is_unknown & (happened <= known_until) & (opens < known_until)
    is_competing &= is_seen
    last = np.where(is_competing, happened, known_until)
    event = np.where(is_seen & ~is_competing, (happened - opens) / DAY_US, np.nan)
    observed = np.where(is_unknown | (last <= opens), np.nan, (last - opens) / DAY_US)
    return DurationLabels(event, observed, is_competing)


def _ends_of_cover(
    bucket: Bucket, definition: ChurnDefinition, window: OutcomeWindow, customer: Int64s, dates: Int64s
) -> tuple[Int64s, Bools]:
    table = definition.table
    started, ended = bucket.instants(table, "started_at"), bucket.instants(table, "ended_at")
    counts = (bucket.known_until(table) == NEVER) & (ended > started)
    ends, is_churn = np.full(len(dates), UNCOVERED, dtype=np.int64), np.zeros(len(dates), dtype=bool)
    spells = started, ended, counts, counting_ends(bucket, definition)
    _cover_ends(bucket.offsets(table), *spells, customer, dates, window.grace_us, ends, is_churn)
    return ends, is_churn


def _first_rows(
    bucket: Bucket, definition: ChurnDefinition, customer: Int64s, dates: Int64s, opens: Int64s
) -> tuple[Int64s, Bools]:
    """Return when the first activity, or the first churn event, follows, and where that cannot be told."""
    table, is_event = definition.table, definition.kind == "event"
    holds = bucket.known_until(table) == NEVER
    counts = holds & (definition.is_churn_event(bucket) if is_event else bucket.is_activity(table))
    rows = bucket.offsets(table), bucket.instants(table, "occurred_at"), counts
    is_hidden = np.zeros(len(dates), dtype=bool)
    if is_event:
        any_hidden(*rows, bucket.known_at(table), customer, dates, opens, is_hidden)
    first: Int64s = first_after(*rows, customer, opens)
    return first, is_hidden
