"""Buy-till-you-die summaries as features, each date's model fitted on the purchases usable at that date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from churnml.errors import ModelError
from churnml.features.columns import Columns
from churnml.features.events import EventSource
from churnml.features.gaps import sum_log_gaps
from churnml.features.plan import FeaturePlan
from churnml.features.sweep import sweep_rhythm, sweep_values
from churnml.histories.bucket import Bucket
from churnml.histories.conform import MONEY_UNITS
from churnml.histories.hashing import hash_column
from churnml.histories.store import TableInfo
from churnml.timeline import NEVER

if TYPE_CHECKING:  # imported where a model is fitted: SciPy's optimisers take longer to load than many a sweep
    from churnml.btyd import BuyingModel, GammaGamma

__all__ = ["PurchaseModels", "add_purchase_models", "fit_purchase_models", "most_per_bucket", "purchase_summaries"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
WEEK_DAYS = 7.0
_MAX_CUSTOMERS = 4_000
"""A few thousand customers fix four parameters well; a fit is made for each observation date."""


@dataclass(frozen=True, slots=True)
class PurchaseModels:
    """Models of one observation date; None where too few customers had bought by then.

    Parameters
    ----------
    buying : BgNbd or MbgCnbd or None
        The likelier of the two. Times in weeks; one purchase a day at most.
    spending : GammaGamma or None
    """

    buying: BuyingModel | None
    spending: GammaGamma | None


def purchase_summaries(bucket: Bucket, info: TableInfo, dates: Int64s, *, most: int = _MAX_CUSTOMERS) -> list[Floats]:
    """Return ``(x, t_x, T, sum of log gaps, mean amount, rank)`` of customers who had bought, one array a date.

    Parameters
    ----------
    bucket : Bucket
    info : TableInfo
    dates : ndarray of int64, shape (n_dates,)
    most : int
        Buyers kept at each date: those with the smallest hash of their id, so that nothing later decides who.

    Returns
    -------
    list of ndarray, shape (n_buyers, 6)
        Times in weeks; the mean amount is NaN where the table has none; the rank is the hash in [0, 1).
    """
    rank = hash_column(bucket.customers) / 2.0**64
    everyone, unlimited = np.arange(len(rank)), np.array([NEVER], dtype=np.int64)
    # Tenure, number of gaps and span of the rhythm; the mean of the values.
    own, mean_only = np.array([-1, 0, -1, -1, -1, 1, 2, -1, -1], np.int32), np.full((5, 1), -1, np.int32)
    mean_only[1] = 3
    source = EventSource(bucket, info, FeaturePlan((1,)))
    kept = []
    for date in dates:
        out = np.full((4, len(rank)), np.nan, dtype=np.float32)
        snapshots = (everyone, np.full(len(rank), date, dtype=np.int64), unlimited)
        sweep_rhythm(*source.done.arguments, *snapshots, np.full((3, 1), -1, np.int32), own, out)
        if info.has_amount:
            rows, values = source.money("paid")
            sweep_values(*rows.arguments, values, MONEY_UNITS, *snapshots, mean_only, -1, out)
        tenure, x, span, mean = out.astype(np.float64)
        buyers = np.flatnonzero(~np.isnan(tenure))
        buyers = buyers[_smallest(rank[buyers], most)]
        log_gaps = np.zeros(len(buyers))
        sum_log_gaps(*source.done.arguments, buyers, date, log_gaps)
        columns = [x, span / WEEK_DAYS, tenure / WEEK_DAYS, mean, rank]
        summary = np.stack([column[buyers] for column in columns], axis=1)
        kept.append(np.insert(summary, 3, log_gaps - x[buyers] * np.log(WEEK_DAYS), axis=1))
    return kept


def _smallest(rank: Floats, most: int) -> Int64s:
    """Return the places of the smallest ranks, in their order."""
    return np.argsort(rank, kind="stable")[:most]


def fit_purchase_models(dates: Int64s, parts: Sequence[Sequence[Floats]]) -> dict[int, PurchaseModels]:
    """Fit the models of each date on the summaries of all buckets.

    No fit starts from that of another date: a date's features are the same bytes whichever dates are fitted with it.
    """
    models = {}
    for place, date in enumerate(dates):
        rows = np.concatenate([part[place] for part in parts])
        models[int(date)] = _fit(rows[_smallest(rows[:, -1], _MAX_CUSTOMERS), :-1])
    return models


def most_per_bucket(n_buckets: int) -> int:
    """Return how many buyers a bucket must offer so that the smallest ranks of all buckets are among them."""
    return min(_MAX_CUSTOMERS, 100 + 3 * _MAX_CUSTOMERS // n_buckets)


def _fit(rows: Floats) -> PurchaseModels:
    from churnml.btyd import fit_buying, fit_gammagamma

    x, t_x, observed, log_gaps, mean = rows.T
    try:
        buying = fit_buying(x, t_x, observed, sum_log_gaps=log_gaps, max_customers=_MAX_CUSTOMERS)
    except ModelError:
        buying = None
    repeat = (x > 0) & (mean > 0)
    try:
        spending = fit_gammagamma(x[repeat] + 1, mean[repeat], max_customers=_MAX_CUSTOMERS)
    except ModelError:
        spending = None
    return PurchaseModels(buying, spending)


def add_purchase_models(
    columns: Columns, models: Mapping[int, PurchaseModels], plan: FeaturePlan, dates: Int64s
) -> None:
    """Add what each date's models expect, from the newest ones fitted at or before *t*.

    P(alive) and expected spend; for each horizon of the plan P(silent), expected purchases and expected value.
    """
    source, horizons = columns.source, plan.btyd_horizons_days
    x = columns.values[f"{source}_repeat_days"].astype(np.float64)
    t_x = columns.values[f"{source}_span_days"].astype(np.float64) / WEEK_DAYS
    tenure = columns.values[f"{source}_tenure_days"].astype(np.float64) / WEEK_DAYS
    mean = columns.values.get(f"{source}_amount_mean_all", columns.empty()).astype(np.float64)
    alive, spend = columns.empty(), columns.empty()
    silent, purchases = columns.empty(len(horizons)), columns.empty(len(horizons))
    weeks = np.array(horizons)[:, None] / WEEK_DAYS
    fitted = np.array(sorted(models), dtype=np.int64)
    latest = np.searchsorted(fitted, dates, side="right") - 1
    for place, date in enumerate(fitted):
        model, here = models[int(date)], (latest == place) & ~np.isnan(tenure)
        if model.buying is not None and here.any():
            seen = (x[here], t_x[here], tenure[here])
            alive[here] = model.buying.p_alive(*seen)
            silent[here] = model.buying.p_silent(weeks, *seen).T
            purchases[here] = model.buying.expected_purchases(weeks, *seen).T
        paid = here & (mean > 0)
        if model.spending is not None and paid.any():
            spend[paid] = model.spending.expected_spend(x[paid] + 1, mean[paid])
    columns.add("p_alive", alive, family="btyd", unit="share")
    for place, days in enumerate(horizons):
        columns.add("p_silent", silent[:, place], family="btyd", unit="share", suffix=f"{days:g}d")
        columns.add("expected_purchases", purchases[:, place], family="btyd", unit="number", suffix=f"{days:g}d")
    if f"{source}_amount_mean_all" in columns.values:
        columns.add("expected_spend", spend, family="btyd", unit="money")
        for place, days in enumerate(horizons):
            value = purchases[:, place] * spend
            columns.add("expected_value", value, family="btyd", unit="money", suffix=f"{days:g}d")
