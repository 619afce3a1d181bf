"""A small company whose numbers are named alike: parts that are missing, negative and 0, and orders known late."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from factories import AS_OF, DAY, TIME

from churnml.features.build import build_features
from churnml.features.plan import Feature, FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.contract import TableContract
from churnml.histories.prepare import prepare
from churnml.histories.store import History, open_history

PLAN = FeaturePlan((30, 60, 90))
DATES = (AS_OF - 60 * DAY, AS_OF)
Row = dict[str, Any]


def spenders(root: Path, *, seed: int = 1, extra: list[Row] | None = None) -> History:
    """Prepare eight customers with three months of spending, and their orders with items and weight.

    Parameters
    ----------
    root : Path
    seed : int
    extra : list of dict, optional
        More orders.
    """
    rng = np.random.default_rng(seed)
    orders = [_order(rng) for _ in range(90)] + (extra or [])
    people = [_customer(rng, i) for i in range(8)]
    raw = root / "raw"
    raw.mkdir(parents=True)
    _write(people, raw / "customers.parquet", {"joined": TIME})
    _write(orders, raw / "orders.parquet", {"at": TIME, "loaded": TIME, "amount": pa.decimal128(18, 2)})
    months = ("jan / spend", "feb + spend", "MarSpend")
    tables = [
        TableContract("customers", "customers", "customers.parquet", id="id", time="joined", numbers=months),
        TableContract(
            "orders",
            "events",
            "orders.parquet",
            id="id",
            time="at",
            known_at="loaded",
            amount=("amount",),
            numbers=("items", "weight"),
        ),
    ]
    prepare(tables, root=root, folder="raw", target=root / "prepared", as_of=AS_OF, timezone="UTC")
    return open_history(root / "prepared")


def features_of(
    history: History, plan: FeaturePlan = PLAN, dates: tuple[int, ...] = DATES
) -> tuple[pa.Table, list[Feature]]:
    """Return the features of all customers at some dates."""
    parts = []
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        names = [name for name in bucket.customers.to_pylist() for _ in dates]
        times = pa.array(np.tile(dates, len(bucket.customers)), pa.int64()).cast(TIME)
        spine = pa.table({"customer_id": pa.array(names, pa.string()), "observation_date": times})
        table, features = build_features(bucket, Bucket(history, 0), history, plan, {}, spine)
        parts.append(table)
    return pa.concat_tables(parts).sort_by([("customer_id", "ascending"), ("observation_date", "ascending")]), features


def _customer(rng: np.random.Generator, i: int) -> Row:
    jan, feb, march = (None if rng.random() < 0.15 else float(rng.integers(-1, 6)) for _ in range(3))
    joined = None if i == 0 else AS_OF - int(rng.integers(20, 500)) * DAY
    return {"id": f"c{i}", "joined": joined, "jan / spend": jan, "feb + spend": feb, "MarSpend": march}


def _order(rng: np.random.Generator) -> Row:
    at = AS_OF - int(rng.integers(0, 200 * DAY))
    return {
        "id": f"c{rng.integers(1, 8)}",
        "at": at,
        "loaded": at + 20 * DAY if rng.random() < 0.3 else None,
        "amount": None if rng.random() < 0.1 else Decimal(int(rng.integers(-2000, 9000))) / 100,
        "items": None if rng.random() < 0.2 else float(rng.integers(0, 4)),
        "weight": float(rng.choice([-0.3, 0.1, 0.2])),
    }


def _write(rows: list[Row], path: Path, types: dict[str, pa.DataType]) -> None:
    columns = {name: pa.array([row[name] for row in rows], types.get(name)) for name in rows[0]}
    pq.write_table(pa.table(columns), path)
