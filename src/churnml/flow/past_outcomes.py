"""What happened to customers after past dates, by the same code that labels what models learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.flow.label import Outcomes
from churnml.flow.roles import churn_window
from churnml.flow.spine import observed_until, settle_us
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.histories.store import History
from churnml.labels.treatments import TreatmentLog, first_treatment
from churnml.labels.value import ValueDefinition, value_labels
from churnml.snapshots.spine import SnapshotPlan
from churnml.timeline import DAY_US, NEVER, us_to_date

__all__ = ["Horizon", "past_outcomes", "spaced"]

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Horizon:
    """Up to when outcomes are known, and when those of a date will be.

    Parameters
    ----------
    reach_us : int
        From a date until its outcome window has closed and rows that arrive late have come.
    known_until : int
        Instant up to which rows are complete.
    timezone : str
    """

    reach_us: int
    known_until: int
    timezone: str

    @classmethod
    def of(cls, params: Params, history: History) -> Horizon:
        """Return the horizon of churn at ``as_of``."""
        tables = {params.churn.table}
        reach = churn_window(params).reach_us + settle_us(history, params, tables)
        return cls(reach, observed_until(history, tables), params.histories.timezone)

    def is_mature(self, instant: int) -> bool:
        """Return whether what came after a date is known."""
        return instant + self.reach_us <= self.known_until

    def matures_on(self, instant: int) -> date:
        """Return the first day on which it is."""
        return us_to_date(instant + self.reach_us + DAY_US - 1, timezone=self.timezone)


def spaced(days: Sequence[date], *, apart: int, most: int) -> list[date]:
    """Return the newest day and earlier ones at least so many days apart, ascending.

    Examples
    --------
    >>> spaced([date(2024, 1, 1), date(2024, 1, 6), date(2024, 1, 9)], apart=7, most=5)
    [datetime.date(2024, 1, 1), datetime.date(2024, 1, 9)]
    """
    chosen: list[date] = []
    for day in sorted(days, reverse=True):
        if not chosen or (chosen[-1] - day).days >= apart:
            chosen.append(day)
    return sorted(chosen[:most])


def past_outcomes(
    params: Params,
    history: History,
    customers: pa.Array,
    dates: Int64s,
    *,
    horizon: Horizon,
    log: TreatmentLog | None = None,
    with_value: bool = False,
) -> dict[str, Floats]:
    """Return what came after each customer's date; NaN where it is not known, or the customer is not known any more.

    Parameters
    ----------
    params : Params
        Whose ``treatments`` are left out of ``churned``; None in their place leaves nobody out.
    history : History
    customers : Array of string, shape (n,)
    dates : ndarray of int64, shape (n,)
        Settled ones.
    horizon : Horizon
    log : TreatmentLog, optional
        Contacts: also returns ``contacted_us``, from the date to the first one.
    with_value : bool, optional
        Also returns ``revenue`` and ``orders`` in the outcome window, as far as there are such.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``churned``: 1 left, 0 stayed.
    """
    window = churn_window(params)
    moments = np.unique(dates)
    plan = SnapshotPlan(
        history.as_of,
        moments,
        moments,
        window.horizon_us,
        window.horizon_us,
        settle_us=horizon.reach_us - window.reach_us,
        observed_until=horizon.known_until,
    )
    found = {name: np.full(len(dates), np.nan) for name in ("churned", "revenue", "orders", "contacted_us")}

    def one(number: int) -> None:
        bucket = Bucket(history, number)
        rows = np.flatnonzero(pc.is_in(customers, value_set=bucket.customers).to_numpy(zero_copy_only=False))
        if not len(rows):
            return
        spine = pa.table(
            {"customer_id": customers.take(pa.array(rows)), "observation_date": pa.array(dates[rows]).cast(TIME)}
        )
        labels = Outcomes(params, history, plan, bucket, spine).churn()
        found["churned"][rows] = np.where(labels >= 0, labels, np.nan)
        place = bucket.rows_of(spine["customer_id"])
        if with_value:
            for name, definition in _measures(params, history).items():
                found[name][rows] = value_labels(
                    bucket,
                    definition,
                    place,
                    dates[rows],
                    horizon_us=window.lead_us + window.horizon_us,
                    is_spells=history.tables[definition.table].kind == "spells",
                )
        if log is not None:
            first = first_treatment(bucket, log, place, dates[rows])
            found["contacted_us"][rows] = np.where(first == NEVER, np.nan, (first - dates[rows]).astype(np.float64))

    map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
    return found


def _measures(params: Params, history: History) -> dict[str, ValueDefinition]:
    """Return what is counted of a customer: revenue and orders of the table of value, else of the churn table."""
    table = params.clv.table if params.clv is not None else params.churn.table
    if history.tables[table].kind not in {"events", "spells"}:
        return {}
    refunds = params.clv.refunds if params.clv is not None else "subtract"
    found = {"orders": ValueDefinition(table, "count")}
    if history.tables[table].has_amount:
        found["revenue"] = ValueDefinition(table, "amount", 1.0, 0.0, refunds)
    return found
