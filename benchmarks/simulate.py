"""How fast the company is simulated: events per second, beside the bare writing of the same Arrow tables.

Usage: python benchmarks/simulate.py [n_customers] [months] [rounds]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churnml.simulation import Mechanism, simulate
from churnml.simulation.company import EVENT_TABLES
from churnml.storage import PARQUET_OPTIONS

SEED = 1
END = "2024-06-30"


def seconds_to_simulate(n_customers: int, months: int, root: Path) -> tuple[float, float, int]:
    began, began_cpu = time.perf_counter(), time.process_time()
    summary = simulate(
        n_customers=n_customers, months=months, seed=SEED, end=END, folder=root / "raw", truth=root / "truth"
    )
    return time.perf_counter() - began, time.process_time() - began_cpu, summary.n_events


def read_back(root: Path) -> dict[str, pa.Table]:
    return {name: pq.read_table(root / "raw" / f"{name}.parquet") for name in ("customers", *EVENT_TABLES)}


def seconds_to_write(tables: dict[str, pa.Table], root: Path) -> tuple[float, float]:
    began, began_cpu = time.perf_counter(), time.process_time()
    for name, table in tables.items():
        pq.write_table(table, root / f"{name}.parquet", **PARQUET_OPTIONS, row_group_size=131_072)
    return time.perf_counter() - began, time.process_time() - began_cpu


def main() -> int:
    n_customers, months, rounds = (int(a) for a in (*sys.argv[1:], *("6000", "36", "3")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        # Each measure is the best of its rounds: what else runs on the machine only ever adds time.
        simulated = [seconds_to_simulate(n_customers, months, root) for _ in range(rounds)]
        tables = read_back(root)
        written = [seconds_to_write(tables, root) for _ in range(rounds)]
        n_bytes = sum(path.stat().st_size for path in (root / "raw").iterdir())
    wall, cpu, n_events = (min(column) for column in zip(*simulated, strict=True))
    bare, bare_cpu = (min(column) for column in zip(*written, strict=True))
    print(f"customers {n_customers:,}, months {months}, planted changes {len(Mechanism().changes)}")
    print(f"events {n_events:,}, delivered {n_bytes / 1e6:.1f} MB")
    print(f"simulate: {wall:.2f} s ({cpu:.2f} s processor), {n_events / wall:,.0f} events/s")
    print(f"bare writing: {bare:.2f} s ({bare_cpu:.2f} s processor), {n_events / bare:,.0f} events/s")
    print(f"simulate / bare writing: {wall / bare:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
