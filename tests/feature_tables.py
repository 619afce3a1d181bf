"""Small feature tables with a known law, for the tests of estimators and evaluation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

START = np.datetime64("2024-01-01", "us")
ROLES = {
    "recency": "orders_recency_days",
    "frequency": "orders_count_365d",
    "spend": "orders_amount_sum_90d",
    "x": "orders_btyd_x",
    "t_x": "orders_btyd_t_x",
    "T": "orders_btyd_T",
    "mean_spend": "orders_amount_mean_all",
}


def feature_table(*, n_customers=200, n_dates=3, seed=0):
    """Return features, P(churn), churned and value of customers seen at several dates; sorted."""
    draw = np.random.default_rng(seed)
    n = n_customers * n_dates
    rate = np.tile(draw.gamma(1.0, 0.02, n_customers), n_dates) + 1e-3
    age = draw.uniform(100.0, 600.0, n)
    x = draw.poisson(rate * age)
    t_x = np.where(x > 0, age * draw.beta(np.maximum(x, 1), 1.0), 0.0)
    spend = np.tile(np.exp(draw.normal(3.0, 0.5, n_customers)), n_dates)
    plan = np.tile(draw.choice(["basic", "plus", "max"], n_customers, p=[0.5, 0.3, 0.2]), n_dates)
    logit = -0.5 + 1.5 * np.tanh((age - t_x) / 150.0 - 1.0) + 1.0 * (plan == "basic") - 4.0 * rate
    p = 1.0 / (1.0 + np.exp(-logit))
    churned = (draw.random(n) < p).astype(np.int8)
    value = np.where(churned == 1, 0.0, spend * (1.0 + draw.poisson(90.0 * rate)) * draw.gamma(4.0, 0.25, n))
    numbers = {
        "orders_recency_days": age - t_x,
        "orders_count_365d": x,
        "orders_amount_sum_90d": spend * draw.poisson(90.0 * rate),
        "orders_btyd_x": x,
        "orders_btyd_t_x": t_x,
        "orders_btyd_T": age,
        "orders_amount_mean_all": spend,
        "orders_noise": np.where(draw.random(n) < 0.2, np.nan, draw.normal(size=n)),
    }
    dates = np.repeat(START + np.arange(n_dates) * np.timedelta64(90, "D"), n_customers)
    table = pa.table(
        {
            "customer_id": np.tile([f"c{k:05d}" for k in range(n_customers)], n_dates),
            "observation_date": pa.array(dates).cast(pa.timestamp("us", "UTC")),
            **{name: column.astype(np.float32) for name, column in numbers.items()},
            "customers_plan": pa.array(plan).dictionary_encode(),
        }
    )
    return table, p, churned, value


def rows_of_date(table, *places):
    """Return row numbers of the n-th observation dates."""
    dates = table.column("observation_date").to_numpy()
    known = np.unique(dates)
    return np.flatnonzero(np.isin(dates, known[list(places)]))
