"""Buy-till-you-die summaries as features, each date's model fitted on the purchases usable at that date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.btyd import BgNbd, GammaGamma, fit_bgnbd, fit_gammagamma
from churnml.errors import ModelError
from churnml.features.columns import Columns
from churnml.features.plan import FeaturePlan
from churnml.features.sweep import sweep_rhythm, sweep_values
from churnml.histories.bucket import Bucket
from churnml.histories.store import TableInfo
from churnml.timeline import NEVER

__all__ = ["PurchaseModels", "add_purchase_models", "fit_purchase_models", "purchase_summaries"]

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
WEEK_DAYS = 7.0
_MONEY_UNITS = 10_000.0
_MAX_CUSTOMERS = 3_000
"""A few thousand customers fix four parameters well; a fit is made for each observation date."""


@dataclass(frozen=True, slots=True)
class PurchaseModels:
    """Models of one observation date; None where too few customers had bought by then.

    Parameters
    ----------
    buying : BgNbd or None
        Times in weeks; one purchase a day at most.
    spending : GammaGamma or None
    """

    buying: BgNbd | None
    spending: GammaGamma | None


def purchase_summaries(bucket: Bucket, info: TableInfo, dates: Int64s) -> list[Floats]:
    """Return ``(x, t_x, T, mean amount)`` of every customer who had bought, one array a date.

    Parameters
    ----------
    bucket : Bucket
    info : TableInfo
    dates : ndarray of int64, shape (n_dates,)

    Returns
    -------
    list of ndarray, shape (n_buyers, 4)
        Times in weeks; the mean amount is NaN where the table has none.
    """
    n_customers = len(bucket.customers)
    customer, when = np.tile(np.arange(n_customers), len(dates)), np.repeat(dates, n_customers)
    unlimited = np.array([NEVER], dtype=np.int64)
    done = bucket.is_activity(info.name)
    rows = (bucket.offsets(info.name), bucket.instants(info.name, "occurred_at"), bucket.known_at(info.name))
    columns = Columns(info.name, len(when))
    rhythm, total = columns.empty(6), columns.empty(1, fill=0.0)
    sweep_rhythm(*rows, done, customer, when, unlimited, total, total.copy(), columns.empty(0), rhythm)
    mean = columns.empty(1)
    if info.has_amount:
        units, known = bucket.money(info.name)
        spare = [columns.empty(1) for _ in range(3)]
        sweep_values(
            *rows,
            ~bucket.is_refund(info.name) & known,
            units,
            customer,
            when,
            unlimited,
            total,
            mean,
            *spare,
            columns.empty(),
        )
    recency, tenure, n_gaps = rhythm[:, 0], rhythm[:, 1], rhythm[:, 5]
    span = np.where(n_gaps > 0, tenure - recency, 0.0)
    summary = np.stack([n_gaps, span / WEEK_DAYS, tenure / WEEK_DAYS, mean[:, 0] / _MONEY_UNITS], axis=1)
    per_date = summary.reshape(len(dates), n_customers, 4)
    return [rows_of_date[~np.isnan(rows_of_date[:, 2])] for rows_of_date in per_date]


def fit_purchase_models(dates: Int64s, parts: Sequence[Sequence[Floats]]) -> dict[int, PurchaseModels]:
    """Fit the models of each date on the summaries of all buckets."""
    models = {}
    for place, date in enumerate(dates):
        rows = np.concatenate([part[place] for part in parts])
        models[int(date)] = _fit(rows[np.lexsort(rows.T[::-1])])
    return models


def _fit(rows: Floats) -> PurchaseModels:
    x, t_x, observed, mean = rows.T
    try:
        buying = fit_bgnbd(x, t_x, observed, max_customers=_MAX_CUSTOMERS)
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
    """Add P(alive), expected purchases and expected spend, each from the newest model fitted at or before *t*."""
    source, horizon = columns.source, plan.btyd_horizon_days
    x = columns.values[f"{source}_repeat_days"].astype(np.float64)
    t_x = columns.values[f"{source}_span_days"].astype(np.float64) / WEEK_DAYS
    tenure = columns.values[f"{source}_tenure_days"].astype(np.float64) / WEEK_DAYS
    mean = columns.values.get(f"{source}_amount_mean_all", columns.empty()).astype(np.float64)
    alive, purchases, spend = columns.empty(), columns.empty(), columns.empty()
    fitted = np.array(sorted(models), dtype=np.int64)
    latest = np.searchsorted(fitted, dates, side="right") - 1
    for place, date in enumerate(fitted):
        model, here = models[int(date)], (latest == place) & ~np.isnan(tenure)
        if model.buying is not None and here.any():
            seen = (x[here], t_x[here], tenure[here])
            alive[here] = model.buying.p_alive(*seen)
            purchases[here] = model.buying.expected_purchases(horizon / WEEK_DAYS, *seen)
        paid = here & (mean > 0)
        if model.spending is not None and paid.any():
            spend[paid] = model.spending.expected_spend(x[paid] + 1, mean[paid])
    columns.add("p_alive", alive, family="btyd", unit="share")
    columns.add("expected_purchases", purchases, family="btyd", unit="number", suffix=f"{horizon:g}d")
    if f"{source}_amount_mean_all" in columns.values:
        columns.add("expected_spend", spend, family="btyd", unit="money")
        columns.add("expected_value", purchases * spend, family="btyd", unit="money", suffix=f"{horizon:g}d")
