"""What it costs to explain customers, beside LightGBM's own contributions, and by how much the two differ.

The model is the one that training makes by default: boosters of several kinds joined in one, with categories and
missing values. Usage: python -m benchmarks.explain [n_customers] [n_features]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measure import REPOSITORY, facts, run
from benchmarks.train import SEED, invented

N_CATEGORIES = 10
ROWS = 16_384
"""Rows explained at once, by both."""
FIGURES = ("explain_seconds", "lightgbm_per_explain", "explain_difference")


def beside_lightgbm(n_rows: int) -> dict[str, float]:
    """Return the figures, measured in a process of its own."""
    found = facts(run(["python", "-m", "benchmarks.explain", str(n_rows)], folder=REPOSITORY))
    return {name: float(str(found[name])) for name in FIGURES}


def with_categories(n_rows: int, n_features: int) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    """Return the invented matrix with some columns of up to 50 levels, which say something too."""
    X, given = invented(n_rows, n_features)
    rng = np.random.default_rng([SEED, 1])
    places = list(range(n_features - N_CATEGORIES, n_features))
    for place in places:
        X[:, place] = np.minimum(rng.geometric(0.15, n_rows) - 1, 49)
    effect = rng.standard_normal(50)[X[:, places[0]].astype(int)]
    by_level = rng.random(n_rows) < 1.0 / (1.0 + np.exp(1.0 - effect))
    given["y"] = np.where(rng.random(n_rows) < 0.3, by_level, given["y"]).astype(np.float64)
    return X, {**given, "categorical": places}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor time of all threads, and what was worked out."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def main() -> int:
    """Print one line of JSON."""
    from churnml.estimators.churn import ChurnClassifier
    from churnml.reasons.contributions import contributions_in_batches

    n_rows, n_features = (int(a) for a in (*sys.argv[1:], *("100000", "250")[len(sys.argv) - 1 :]))
    X, given = with_categories(n_rows, n_features)
    booster = ChurnClassifier(threads=2).fit(X, **given).booster_
    names = booster.feature_name()

    def ours(rows: slice) -> Any:
        return contributions_in_batches(booster, X[rows], names=names, batch_rows=ROWS, threads=2)

    list(ours(slice(100)))
    by_us, _ = timed(lambda: [None for _ in ours(slice(n_rows))])
    by_lightgbm = worst = 0.0
    for start in range(0, n_rows, ROWS):
        rows = slice(start, start + ROWS)
        spent, own = timed(lambda rows=rows: booster.predict(X[rows], pred_contrib=True, num_threads=2))
        by_lightgbm += spent
        (_, found), *_ = ours(rows)
        worst = max(worst, float(np.abs(found - own[:, :-1]).max()))
    told = {
        "rows": n_rows,
        "n_trees": booster.num_trees(),
        "explain_seconds": round(by_us, 2),
        "lightgbm_seconds": round(by_lightgbm, 2),
        "lightgbm_per_explain": round(by_lightgbm / by_us, 2),
        "explain_difference": worst,
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
