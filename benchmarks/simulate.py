"""How fast the company is simulated: events per second, beside the bare writing of the same Arrow tables.

Usage: python -m benchmarks.simulate [n_customers] [months] [rounds]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import REPOSITORY, facts, run

SEED = 1
END = "2024-06-30"


def beside_writing(n_customers: int) -> float:
    """Return the wall time of simulating relative to that of writing, measured in a process of its own."""
    used = run(["python", "-m", "benchmarks.simulate", str(n_customers)], folder=REPOSITORY)
    return float(str(facts(used)["simulate_per_writing"]))


def seconds_to_simulate(n_customers: int, months: int, root: Path) -> tuple[float, float, int]:
    from churnml.simulation import simulate

    began, began_cpu = time.perf_counter(), time.process_time()
    summary = simulate(
        n_customers=n_customers, months=months, seed=SEED, end=END, folder=root / "raw", truth=root / "truth"
    )
    return time.perf_counter() - began, time.process_time() - began_cpu, summary.n_events


def seconds_to_write(root: Path, rounds: int) -> list[tuple[float, float]]:
    """Write the tables again that were simulated."""
    import pyarrow.parquet as pq

    from churnml.parquet import PARQUET_OPTIONS

    tables = {path.name: pq.ParquetFile(path).read() for path in sorted((root / "raw").glob("*.parquet"))}
    seconds = []
    for _ in range(rounds):
        began, began_cpu = time.perf_counter(), time.process_time()
        for name, table in tables.items():
            pq.write_table(table, root / name, **PARQUET_OPTIONS, row_group_size=131_072)
        seconds.append((time.perf_counter() - began, time.process_time() - began_cpu))
    return seconds


def main() -> int:
    n_customers, months, rounds = (int(a) for a in (*sys.argv[1:], *("6000", "36", "3")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        # Each measure is the best of its rounds: what else runs on the machine only ever adds time.
        simulated = [seconds_to_simulate(n_customers, months, root) for _ in range(rounds)]
        written = seconds_to_write(root, rounds)
        n_bytes = sum(path.stat().st_size for path in (root / "raw").iterdir())
    wall, cpu, n_events = (min(column) for column in zip(*simulated, strict=True))
    bare, bare_cpu = (min(column) for column in zip(*written, strict=True))
    print(f"customers {n_customers:,}, months {months}, events {n_events:,}, delivered {n_bytes / 1e6:.1f} MB")
    print(f"simulate: {wall:.2f} s ({cpu:.2f} s processor), {n_events / wall:,.0f} events/s")
    print(f"bare writing: {bare:.2f} s ({bare_cpu:.2f} s processor), {n_events / bare:,.0f} events/s")
    print(json.dumps({"simulate_per_writing": wall / bare}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
