"""How long the best set of actions takes to find, and how near to the best it surely is.

Usage: python -m benchmarks.allocate [n_customers] [n_actions] [rounds]
"""

from __future__ import annotations

import json
import sys
import time

from benchmarks.measure import REPOSITORY, facts, run

SEED = 1
FIGURES = ("allocate_seconds", "allocate_gap")


def seconds_and_gap(n_customers: int, rounds: int) -> dict[str, float]:
    """Return the figures for five actions under three limits, measured in a process of its own."""
    found = facts(run(["python", "-m", "benchmarks.allocate", str(n_customers), "5", str(rounds)], folder=REPOSITORY))
    return {name: float(str(found[name])) for name in FIGURES}


def main() -> int:
    """Print one line of JSON."""
    import numpy as np

    from churnml.campaign.allocate import Limit, allocate

    n, k, rounds = (int(a) for a in (*sys.argv[1:], *("1000000", "5", "3")[len(sys.argv) - 1 :]))
    rng = np.random.default_rng(SEED)
    cost = np.linspace(1.0, 25.0, k)
    stake = rng.beta(1.0, 4.0, n) * rng.lognormal(5.0, 1.0, n)
    gain = stake[:, None] * rng.beta(2.0, 8.0, (n, k)) - cost
    gain[rng.random((n, k)) < 0.3] = np.nan
    limits = [
        Limit("budget", 0.3 * n, cost),
        Limit("calls", 0.01 * n, (np.arange(k) % 2).astype(np.float64)),
        Limit("contacts", 0.06 * n, np.ones(k)),
    ]
    allocate(gain[:1000], limits)
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        found = allocate(gain, limits)
        seconds.append(time.perf_counter() - began)
    print(f"{n:,} customers, {k} actions, {len(limits)} limits: {min(seconds):.2f} s, gap {found.gap:.6f}")
    print(json.dumps({"allocate_seconds": round(min(seconds), 2), "allocate_gap": found.gap}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
