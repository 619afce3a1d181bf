"""Which of the columns that ours wrote the references compute too, and whether the values are the same.

Usage: python -m benchmarks.columns OURS REFERENCE, and it fails loudly where a value differs.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.work import CHANNELS, WINDOWS_DAYS

KEYS = ("customer_id", "observation_date")
_WINDOWED = re.compile(
    r"orders_(?:(?P<count>count)|amount_(?P<of_amount>sum|mean|max|min|std)|channel_(?P<level>\w+)_(?P<level_count>count))"
    r"_(?:(?P<days>\d+)d|all)"
)
_WHOLE = re.compile(r"orders_(?P<measure>recency|tenure|gap_mean|gap_std)_days")
_RELATIVE, _ABSOLUTE = 1e-4, 1e-3


class Column(NamedTuple):
    """One column.

    Parameters
    ----------
    name : str
    measure : str
        count, sum, mean, max, min, std, recency, tenure, gap_mean or gap_std.
    days : int or None
        Length of the window; None = the whole history.
    level : str
        The channel that is counted; empty = every row.
    """

    name: str
    measure: str
    days: int | None
    level: str = ""


def column_of(name: str) -> Column | None:
    """Return what a column of ours means, or None where the references do not compute it."""
    if found := _WHOLE.fullmatch(name):
        return Column(name, found["measure"], None)
    if found := _WINDOWED.fullmatch(name):
        measure = found["count"] or found["of_amount"] or found["level_count"]
        return Column(name, measure, int(found["days"]) if found["days"] else None, found["level"] or "")
    return None


def wanted() -> list[str]:
    """Return the names of the columns that the work asks for."""
    parts = ["count", *(f"amount_{m}" for m in ("sum", "mean", "max", "min", "std"))]
    parts += [f"channel_{channel}_count" for channel in CHANNELS]
    whole = [f"orders_{measure}_days" for measure in ("recency", "tenure", "gap_mean", "gap_std")]
    return [*whole, *(f"orders_{part}_{days}d" for part in parts for days in WINDOWS_DAYS)]


def of_features(folder: Path) -> list[Column]:
    """Return the columns of a folder of features that the references compute too."""
    import pyarrow.parquet as pq

    names = pq.read_schema(min(folder.glob("bucket-*.parquet"))).names
    return [column for name in names if (column := column_of(name)) is not None]


def to_json(columns: list[Column]) -> str:
    return json.dumps([list(column) for column in columns])


def from_json(text: str) -> list[Column]:
    return [Column(*parts) for parts in json.loads(text)]


def compare(ours: Path, reference: Path) -> dict[str, object]:
    """Compare every value of the customers of one bucket, and the number of rows of all.

    Raises
    ------
    SystemExit
        If rows, columns or values differ.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    columns = [column.name for column in of_features(ours)]
    paths = sorted(ours.glob("bucket-*.parquet"))
    sample = max(paths, key=lambda path: path.stat().st_size)
    left = pq.read_table(sample, columns=[*KEYS, *columns])
    other = ds.dataset(sorted(reference.glob("*.parquet")))
    keep = ds.field("customer_id").isin(left["customer_id"].combine_chunks().unique())
    right = other.to_table(columns=[*KEYS, *columns], filter=keep)
    n_rows = sum(pq.read_metadata(path).num_rows for path in paths)
    if n_rows != other.count_rows() or left.num_rows != right.num_rows:
        sys.exit(f"{reference.name}: {other.count_rows():,} rows beside {n_rows:,} of ours")
    left, right = (_plain(t).sort_by([(key, "ascending") for key in KEYS]) for t in (left, right))
    for key in KEYS:
        a, b = (t[key].cast(pa.string() if key == "customer_id" else pa.timestamp("us", "UTC")) for t in (left, right))
        if not a.combine_chunks().equals(b.combine_chunks()):
            sys.exit(f"{reference.name}: {key} differs")
    wrong = {}
    for name in columns:
        a = left[name].to_numpy().astype(np.float64)
        b = right[name].cast(pa.float64()).to_numpy()  # a null is not a number here, as ours writes it
        n = int((~np.isclose(a, b, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)).sum())
        if n:
            wrong[name] = n
    if wrong:
        sys.exit(f"{reference.name}: {len(wrong)} of {len(columns)} columns differ, rows that differ: {wrong}")
    return {"rows": n_rows, "compared": left.num_rows, "columns": len(columns)}


def _plain(table):
    """Return a table with its customers as plain text, however they were written."""
    import pyarrow as pa

    place = table.schema.get_field_index("customer_id")
    return table.set_column(place, "customer_id", table["customer_id"].cast(pa.string()))


def main() -> int:
    if len(sys.argv) == 2:
        columns = of_features(Path(sys.argv[1]))
        missing = sorted(set(wanted()) - {column.name for column in columns})
        print(json.dumps({"columns": [list(column) for column in columns], "missing": missing}))
    else:
        print(json.dumps(compare(*map(Path, sys.argv[1:]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
