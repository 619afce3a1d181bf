"""What training costs beside the bare LightGBM fits in it, and how much memory beside the matrix.

Usage: python -m benchmarks.train [n_rows] [n_features]
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measure import REPOSITORY, facts, run

SEED = 1


def beside_fits(n_rows: int) -> tuple[float, float]:
    """Return (time, memory) of training by default, measured in a process of its own.

    Time is relative to the LightGBM fits it contains, memory to the float32 matrix, which is part of it.
    """
    found = facts(run(["python", "-m", "benchmarks.train", str(n_rows)], folder=REPOSITORY))
    return float(str(found["train_per_fits"])), float(str(found["train_memory_per_matrix"]))


def invented(n_rows: int, n_features: int) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    """Return a matrix of 12 dates with signal in ten columns, a tenth missing, and the other arguments of a fit."""
    rng = np.random.default_rng(SEED)
    X = rng.standard_normal(size=(n_rows, n_features), dtype=np.float32)
    z = X[:, :10] @ rng.standard_normal(10, dtype=np.float32) * 0.4 + 0.5 * np.abs(X[:, 1]) - 2.0
    for place in range(n_features):
        X[rng.random(n_rows, dtype=np.float32) < 0.1, place] = np.nan
    y = (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-z))).astype(np.float64)
    dates = np.sort(np.arange(n_rows) % 12).astype(np.int64)
    customers = np.arange(n_rows) % (n_rows // 10)
    given = {"y": y, "dates": dates, "groups": customers, "valid": dates == 11, "between": (dates > 7) & (dates < 11)}
    return X, given


def peak_bytes() -> int:
    """Return the most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def held_bytes() -> int:
    """Return the memory this process holds now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Stopwatch:
    """Adds up the time inside the functions it is put around; calls inside each other count once."""

    def __init__(self) -> None:
        self.seconds, self._inside = 0.0, threading.local()

    def around(self, holder: Any, name: str) -> None:
        """Replace a function by itself with a watch."""
        bare: Callable[..., Any] = getattr(holder, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._inside, "busy", False):
                return bare(*args, **kwargs)
            self._inside.busy, began = True, time.perf_counter()
            try:
                return bare(*args, **kwargs)
            finally:
                self._inside.busy = False
                self.seconds += time.perf_counter() - began

        setattr(holder, name, timed)


def main() -> int:
    """Print one line of JSON."""
    import lightgbm as lgb

    from churnml.estimators.churn import ChurnClassifier

    n_rows, n_features = (int(a) for a in (*sys.argv[1:], *("1000000", "120")[len(sys.argv) - 1 :]))
    X, given = invented(n_rows, n_features)
    watch, before = Stopwatch(), held_bytes() - X.nbytes
    for holder, name in ((lgb, "train"), (lgb, "cv"), (lgb.Dataset, "construct")):
        watch.around(holder, name)
    began = time.perf_counter()
    model = ChurnClassifier(threads=2).fit(X, **given)
    whole = time.perf_counter() - began
    found = {
        "rows": n_rows,
        "seconds": round(whole, 2),
        "seconds_in_fits": round(watch.seconds, 2),
        "n_trees": model.n_rounds_,
        "train_per_fits": round(whole / watch.seconds, 3),
        "train_memory_per_matrix": round((peak_bytes() - before) / X.nbytes, 3),
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
