"""The limit L: reading the four columns to Arrow and writing the finished table again, nothing else.

Usage: python -m benchmarks.limit PREPARED FEATURES OUT
The finished table has to come from somewhere: what reading it takes is said in the last line, to be subtracted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

OPTIONS = {
    "compression": "snappy",
    "write_page_checksum": True,
    "version": "2.6",
    "write_statistics": False,
    "write_batch_size": 1 << 16,
}
"""As the features are written, text coded: whatever else were written would make the limit look dearer."""
FOUR = ["customer_id", "occurred_at", "amount", "c:channel"]


def main() -> int:
    prepared, features, out = map(Path, sys.argv[1:])
    # More threads than one only add to the processor's time.
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    out.mkdir(parents=True, exist_ok=True)
    n_rows, n_columns, not_counted = 0, 0, 0.0
    for path in sorted((prepared / "orders").glob("*.parquet")):
        with pq.ParquetFile(path) as source:
            n_rows += source.read(columns=FOUR, use_threads=False).num_rows
    for path in sorted(features.glob("*.parquet")):
        before = time.process_time()
        with pq.ParquetFile(path) as source:
            finished = source.read(use_threads=False)
        not_counted += time.process_time() - before
        texts = [field.name for field in finished.schema if not pa.types.is_floating(field.type)]
        pq.write_table(finished, out / path.name, use_dictionary=texts, **OPTIONS)
        n_columns = finished.num_columns
    print(json.dumps({"rows": n_rows, "columns": n_columns, "not_counted": not_counted}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
