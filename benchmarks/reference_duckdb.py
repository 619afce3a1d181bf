"""The same columns by hand-written SQL in DuckDB, from the same sorted Parquet files, and its sorting of raw files.

Usage: python -m benchmarks.reference_duckdb features PREPARED OUT DATES COLUMNS [VARIANT]
       python -m benchmarks.reference_duckdb sort RAW OUT

Two ways of writing the windows were tried. `filter`: one scan a snapshot with FILTER (WHERE ...) on every aggregate.
`rings`: rows are first summed between the edges of neighbouring windows, then rings are put together into windows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

from benchmarks.columns import Column, from_json

DAY_US = 86_400_000_000
BEST = "rings"


def connect(temp: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET temp_directory = '{temp}'")
    return connection


# One scan of the files: times as numbers, amounts as floating point, channels as an enumeration, and the gap to the
# active day before. The rows come sorted, so that the row before is the one before of the same customer: DuckDB
# takes such a window as a stream, without sorting again.
LOAD = """
CREATE TEMP TABLE rows AS
SELECT customer_id, moment, amount, channel,
       CASE WHEN before_id = customer_id AND before_day <> moment // {day}
            THEN moment // {day} - before_day END::INT AS gap
FROM (
    SELECT customer_id, epoch_us(occurred_at) AS moment, amount::DOUBLE AS amount, "c:channel"::channels AS channel,
           lag(customer_id) OVER () AS before_id, lag(epoch_us(occurred_at) // {day}) OVER () AS before_day
    FROM read_parquet('{prepared}/orders/*.parquet')
)
"""
COPY = "COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 131072)"


def features(prepared: Path, out: Path, dates: list[int], columns: list[Column], variant: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    connection = connect(out)
    levels = sorted({column.level for column in columns if column.level})
    listed = ", ".join(f"'{level}'" for level in levels) or "''"
    found = connection.execute(f"SELECT DISTINCT \"c:channel\" FROM read_parquet('{prepared}/orders/*.parquet')")
    listed = ", ".join(f"'{row[0]}'" for row in found.fetchall()) or listed
    connection.execute(f"CREATE TYPE channels AS ENUM ({listed})")
    connection.execute(LOAD.format(day=DAY_US, prepared=prepared))
    query = {"filter": by_filter, "rings": by_rings}[variant]
    for date in dates:
        connection.execute(COPY.format(query=query(columns, date), path=out / f"{date}.parquet"))


# -- one scan, a filter on every aggregate

_BY_FILTER = {
    "count": "count(*)",
    "sum": "coalesce(sum(amount){}, 0)",
    "mean": "avg(amount)",
    "max": "max(amount)",
    "min": "min(amount)",
    "std": "stddev_pop(amount)",
}


def by_filter(columns: list[Column], date: int) -> str:
    return f"""
        SELECT customer_id, make_timestamptz({date}) AS observation_date,
               {", ".join(_filtered(column, date) for column in columns)}
        FROM rows WHERE moment <= {date} GROUP BY customer_id"""


def _filtered(column: Column, date: int) -> str:
    if column.measure in _WHOLE:
        return f"({_WHOLE[column.measure].format(date=date)})::FLOAT AS {column.name}"
    conditions = [f"moment > {date - column.days * DAY_US}"] if column.days else []
    conditions += [f"channel = '{column.level}'"] if column.level else []
    where = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
    term = _BY_FILTER[column.measure]
    term = term.format(where) if "{}" in term else term + where
    return f"({term})::FLOAT AS {column.name}"


_WHOLE = {
    "recency": f"({{date}} - max(moment)) / {DAY_US}",
    "tenure": f"({{date}} - min(moment)) / {DAY_US}",
    "gap_mean": "avg(gap)",
    "gap_std": "CASE WHEN count(gap) > 1 THEN stddev_pop(gap) END",
}

# -- rings first, then windows


def by_rings(columns: list[Column], date: int) -> str:
    days = sorted({column.days for column in columns if column.days})
    levels = sorted({column.level for column in columns if column.level and column.days})
    edges = " ".join(f"WHEN moment > {date - d * DAY_US} THEN {place}" for place, d in enumerate(days))
    counted = "".join(f", count(*) FILTER (WHERE channel = '{level}') AS n_{level}" for level in levels)
    windows = "".join(f", {_from_rings(c, days.index(c.days))}" for c in columns if c.days)
    whole = "".join(f", {_filtered(c, date)}" for c in columns if not c.days)
    picked = ", ".join(_picked(column) for column in columns)
    return f"""
        WITH rings AS (
            SELECT customer_id, CASE {edges} END::TINYINT AS ring, count(*) AS n, sum(amount) AS s,
                   sum(amount * amount) AS q, max(amount) AS high, min(amount) AS low{counted}
            FROM rows WHERE moment <= {date} AND moment > {date - days[-1] * DAY_US} GROUP BY customer_id, ring
        ), windows AS (
            SELECT customer_id{windows} FROM rings GROUP BY customer_id
        ), whole AS (
            SELECT customer_id{whole} FROM rows WHERE moment <= {date} GROUP BY customer_id
        )
        SELECT whole.customer_id, make_timestamptz({date}) AS observation_date, {picked}
        FROM whole LEFT JOIN windows ON whole.customer_id = windows.customer_id"""


def _from_rings(column: Column, ring: int) -> str:
    where = f"FILTER (WHERE ring <= {ring})"
    n, s, q = (f"sum({part}) {where}" for part in ("n", "s", "q"))
    terms = {
        "count": f"sum(n_{column.level}) {where}" if column.level else n,
        "sum": s,
        "mean": f"{s} / {n}",
        "max": f"max(high) {where}",
        "min": f"min(low) {where}",
        "std": f"CASE WHEN {n} > 0 THEN sqrt(greatest(0, {q} / {n} - ({s} / {n}) * ({s} / {n}))) END",
    }
    return f"({terms[column.measure]})::FLOAT AS {column.name}"


def _picked(column: Column) -> str:
    return f"coalesce({column.name}, 0) AS {column.name}" if column.measure in {"count", "sum"} else column.name


# -- raw files, sorted


def sort(raw: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    connection = connect(out)
    if raw.suffix == ".csv":
        columns = {"customer_id": "VARCHAR", "ordered_at": "TIMESTAMPTZ", "net_amount": "DECIMAL(18, 4)"}
        types = {**columns, "channel": "VARCHAR"}
        source = f"read_csv('{raw}', header = true, auto_detect = false, delim = ',', quote = '\"', columns = {types})"
    else:
        source = f"read_parquet('{raw}')"
    query = f"""
        SELECT customer_id, ordered_at, net_amount::DECIMAL(18, 4) AS amount, channel
        FROM {source} ORDER BY customer_id, ordered_at"""
    connection.execute(COPY.format(query=query, path=out / "sorted.parquet"))


def main() -> int:
    if sys.argv[1] == "sort":
        sort(Path(sys.argv[2]), Path(sys.argv[3]))
        return 0
    prepared, out, dates, columns, *variant = sys.argv[2:]
    features(Path(prepared), Path(out), json.loads(dates), from_json(columns), variant[0] if variant else BEST)
    return 0


if __name__ == "__main__":
    sys.exit(main())
