"""The work: a seeded table of orders, written in chunks, unsorted, so that any size takes the same memory.

Usage: python -m benchmarks.work FOLDER --events N [--customers N] [--giant N] [--format parquet|csv] [--month]
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

EVENTS_PER_CUSTOMER = 40
START, END, NEXT_MONTH = "2021-01-01", "2024-01-01", "2024-01-31"
"""Three years, and the month that is added afterwards: as long as the step between observation dates."""
CHANNELS = ("app", "fair", "mail", "partner", "phone", "shop", "social", "web")
WINDOWS_DAYS = (7, 30, 90, 180, 365)
CHUNK = 1_000_000
SEED = 20


@dataclass(frozen=True, slots=True)
class Work:
    """One table of orders.

    Parameters
    ----------
    events, customers : int
    giant : int
        How many of the events belong to one customer.
    form : str
        ``parquet`` or ``csv``.
    month : bool
        Whether a last month is delivered as a file of its own.
    """

    events: int
    customers: int
    giant: int = 0
    form: str = "parquet"
    month: bool = False

    @classmethod
    def of(cls, events: int, **other: object) -> Work:
        return cls(events, max(1, events // EVENTS_PER_CUSTOMER), **other)

    @property
    def name(self) -> str:
        parts = [f"{self.events}", self.form, f"giant{self.giant}" if self.giant else "", "month" if self.month else ""]
        return "-".join(part for part in parts if part)


def ensure(work: Work, folder: Path) -> None:
    """Make the files of the work in ``folder`` unless they are there already."""
    done = folder / "work.json"
    if done.is_file() and json.loads(done.read_text(encoding="utf-8")) == asdict(work):
        return
    folder.mkdir(parents=True, exist_ok=True)
    months = [("orders", START, END, work.events)]
    if work.month:
        months.append(("orders_2024_01", END, NEXT_MONTH, work.events // 36))
    for number, (stem, start, end, events) in enumerate(months):
        _write(work, folder / f"{stem}.{work.form}", start=start, end=end, events=events, number=number)
    done.write_text(json.dumps(asdict(work)), encoding="utf-8")


def _write(work: Work, path: Path, *, start: str, end: str, events: int, number: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    rng = np.random.default_rng([SEED, number])
    lives = np.random.default_rng(SEED)
    n = work.customers
    # Lives differ in when they begin, how long they last and how much happens in them; each has at least one event.
    rate = np.cumsum(lives.gamma(0.9, size=n) + 0.05)
    joined = np.where(lives.random(n) < 0.5, 0.02, 0.85) * lives.random(n)
    left = np.where(lives.random(n) < 0.3, joined + (1 - joined) * lives.random(n), 1.0)
    if number:
        joined, left = np.zeros(n), np.ones(n)
    ids = pa.array([f"C{place:07d}" for place in lives.permutation(n)])
    first, last = (int(np.datetime64(text, "s").astype(np.int64)) for text in (start, end))
    schema = pa.schema(
        {
            "customer_id": pa.string(),
            "ordered_at": pa.timestamp("s", "UTC") if work.form == "csv" else pa.timestamp("us", "UTC"),
            "net_amount": pa.decimal128(12, 2),
            "channel": pa.string(),
        }
    )
    n_chunks = -(-events // CHUNK)
    giant = 0 if number else work.giant
    if work.form == "csv":
        sink = pyarrow.csv.CSVWriter(path, schema)
    else:
        sink = pq.ParquetWriter(path, schema, compression="snappy")
    with sink:
        for chunk in range(n_chunks):
            size = _part(events, chunk, n_chunks)
            sure = np.arange(chunk * n // n_chunks, (chunk + 1) * n // n_chunks)[: size if not number else 0]
            drawn = np.searchsorted(rate, rng.random(size - len(sure)) * rate[-1])
            customer = np.concatenate([sure, np.minimum(drawn, n - 1)])
            of_giant = min(_part(giant, chunk, n_chunks), size - len(sure))
            customer[size - of_giant :] = 0
            customer = rng.permutation(customer)
            share = joined[customer] + (left - joined)[customer] * rng.random(size)
            seconds = first + np.minimum((share * (last - first)).astype(np.int64), last - first - 1)
            cents = np.maximum(1, np.exp(rng.normal(3.3, 0.8, size)) * 100).astype(np.int64)
            channel = rng.choice(len(CHANNELS), size, p=np.arange(8, 0, -1) / 36).astype(np.int32)
            columns = [
                ids.take(pa.array(customer)),
                pa.array(seconds).cast(pa.timestamp("s", "UTC")).cast(schema.field("ordered_at").type),
                _decimal(cents),
                pa.array(CHANNELS).take(pa.array(channel)),
            ]
            sink.write_table(pa.table(columns, schema=schema))


def _part(total: int, chunk: int, n_chunks: int) -> int:
    return (chunk + 1) * total // n_chunks - chunk * total // n_chunks


def _decimal(cents):
    """Return whole hundredths as decimal128(12, 2): the low half of each value, and a high half of zeros."""
    import numpy as np
    import pyarrow as pa

    halves = np.zeros((len(cents), 2), dtype=np.int64)
    halves[:, 0] = cents
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(halves)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--customers", type=int)
    parser.add_argument("--giant", type=int, default=0)
    parser.add_argument("--form", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--month", action="store_true")
    args = parser.parse_args()
    customers = args.customers or max(1, args.events // EVENTS_PER_CUSTOMER)
    ensure(Work(args.events, customers, args.giant, args.form, args.month), args.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
