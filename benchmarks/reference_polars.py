"""The same columns by hand-written polars, from the same sorted Parquet files.

Usage: python -m benchmarks.reference_polars PREPARED OUT DATES COLUMNS [VARIANT]

The same two ways as in SQL: `filter` on every aggregate, or `rings` first.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl

from benchmarks.columns import Column, from_json

DAY_US = 86_400_000_000
BEST = "rings"


def features(prepared: Path, out: Path, dates: list[int], columns: list[Column], variant: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    query = {"filter": by_filter, "rings": by_rings}[variant]
    base = load(prepared).collect(engine="streaming").lazy()
    for date in dates:
        table = query(base, columns, date).with_columns(
            pl.lit(date).cast(pl.Datetime("us", "UTC")).alias("observation_date")
        )
        table.sink_parquet(out / f"{date}.parquet", compression="snappy", statistics=False, row_group_size=131_072)


def load(prepared: Path) -> pl.LazyFrame:
    """Read the four columns; the rows come sorted, so that the row before is the one before of the same customer."""
    at = pl.col("occurred_at").to_physical().alias("at")
    day = pl.col("at") // DAY_US
    follows = (pl.col("customer_id") == pl.col("customer_id").shift(1)) & (day != day.shift(1))
    return (
        pl.scan_parquet(prepared / "orders" / "*.parquet")
        .select("customer_id", at, pl.col("amount").cast(pl.Float64), pl.col("c:channel").alias("channel"))
        .with_columns(
            gap=pl.when(follows).then(day - day.shift(1)).cast(pl.Int32), channel=pl.col("channel").cast(pl.Categorical)
        )
    )


# -- one pass, a filter on every aggregate


def by_filter(base: pl.LazyFrame, columns: list[Column], date: int) -> pl.LazyFrame:
    rows = base.filter(pl.col("at") <= date)
    return rows.group_by("customer_id").agg([_filtered(column, date) for column in columns])


def _filtered(column: Column, date: int) -> pl.Expr:
    amount = pl.col("amount")
    if column.days:
        inside = pl.col("at") > date - column.days * DAY_US
        amount = amount.filter(inside & (pl.col("channel") == column.level) if column.level else inside)
    elif column.level:
        amount = amount.filter(pl.col("channel") == column.level)
    at, gap = pl.col("at"), pl.col("gap")
    term = {
        "count": lambda: amount.len(),
        "sum": amount.sum,
        "mean": amount.mean,
        "max": amount.max,
        "min": amount.min,
        "std": lambda: amount.std(ddof=0),
        "recency": lambda: (date - at.max()) / DAY_US,
        "tenure": lambda: (date - at.min()) / DAY_US,
        "gap_mean": gap.mean,
        "gap_std": lambda: pl.when(gap.count() > 1).then(gap.std(ddof=0)),
    }[column.measure]()
    return term.cast(pl.Float32).alias(column.name)


# -- rings first, then windows


def by_rings(base: pl.LazyFrame, columns: list[Column], date: int) -> pl.LazyFrame:
    days = sorted({column.days for column in columns if column.days})
    levels = sorted({column.level for column in columns if column.level and column.days})
    at, amount, ring = pl.col("at"), pl.col("amount"), pl.lit(0, pl.Int8)
    for edge in days[:-1]:
        ring = ring + (at <= date - edge * DAY_US).cast(pl.Int8)
    recent = base.filter((at <= date) & (at > date - days[-1] * DAY_US)).with_columns(ring=ring)
    rings = recent.group_by("customer_id", "ring").agg(
        n=pl.len(),
        s=amount.sum(),
        q=(amount * amount).sum(),
        high=amount.max(),
        low=amount.min(),
        **{f"n_{level}": (pl.col("channel") == level).sum() for level in levels},
    )
    windows = rings.group_by("customer_id").agg([_from_rings(c, days.index(c.days)) for c in columns if c.days])
    whole = base.filter(at <= date).group_by("customer_id").agg([_filtered(c, date) for c in columns if not c.days])
    zero = [pl.col(c.name).fill_null(0) for c in columns if c.measure in {"count", "sum"} and c.days]
    return whole.join(windows, on="customer_id", how="left").with_columns(zero)


def _from_rings(column: Column, ring: int) -> pl.Expr:
    def inside(name: str) -> pl.Expr:
        return pl.col(name).filter(pl.col("ring") <= ring)

    n, s, q = (inside(name).sum() for name in ("n", "s", "q"))
    term = {
        "count": inside(f"n_{column.level}").sum() if column.level else n,
        "sum": s,
        "mean": s / n,
        "max": inside("high").max(),
        "min": inside("low").min(),
        "std": pl.when(n > 0).then((q / n - (s / n) ** 2).clip(0).sqrt()),
    }[column.measure]
    empty = {"mean": n > 0}.get(column.measure)
    return (pl.when(empty).then(term) if empty is not None else term).cast(pl.Float32).alias(column.name)


def main() -> int:
    prepared, out, dates, columns, *variant = sys.argv[1:]
    features(Path(prepared), Path(out), json.loads(dates), from_json(columns), variant[0] if variant else BEST)
    return 0


if __name__ == "__main__":
    sys.exit(main())
