"""How fast the early warning flags a doubling of losses, and how often quiet years raise it.

Simulated weekly counts: three years, trend, season, more noise than Poisson; the defaults, six other figures watched.
Usage: python -m benchmarks.warning
"""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np

from churnml.relationship.warning.watch import ALONE_OF_LOSSES, Series, alphas, judged

YEAR, N, PER_YEAR, GUARD = 52, 156, 0.2, 8
LOSSES, OTHER = alphas(6, per_year=PER_YEAR, year=YEAR)
JUMP, LATEST = 150, 6


def simulated(seed: int, *, mean: float = 30.0, factor: float = 1.0, since: int = N, falls: bool = False) -> Series:
    """Return weeks with trend, season and more noise than Poisson; from ``since`` on the rate is ``factor`` times."""
    rng = np.random.default_rng(seed)
    weeks, exposure = np.arange(N), np.full(N, 3000.0)
    rate = mean * np.exp(0.1 * (weeks - N / 2) / YEAR + 0.3 * np.sin(2 * np.pi * (weeks / YEAR + rng.random())))
    rate[since:] *= factor
    counts = rng.poisson(rng.gamma(rate / 0.3, 0.3)).astype(np.float64)
    return Series("losses", counts, exposure, np.ones(N), np.ones(N, dtype=bool), falls)


def first_alarm(series: Series, since: int, *, is_plain: bool) -> int:
    """Return how many weeks after a jump it is flagged, 6 where it is not within six."""
    for after in range(LATEST):
        found = judged(series, since + after, alpha=LOSSES, guard=GUARD, year=YEAR, alone=ALONE_OF_LOSSES)
        if found.is_plain_alarm if is_plain else found.status == "alarm":
            return after
    return LATEST


def false_alarms(seed: int, first: int, last: int) -> int:
    """Return how many alarms the series of a quiet company raise in a stretch of weeks; neighbours are one."""
    found = 0
    for k in range(7):
        series = simulated(1000 * seed + k, falls=k == 1)
        rule = {"alpha": OTHER, "alone": 0.5} if k else {"alpha": LOSSES, "alone": ALONE_OF_LOSSES}
        flags = [judged(series, week, guard=GUARD, year=YEAR, **rule).status == "alarm" for week in range(first, last)]
        found += sum(flag and not any(flags[max(0, place - 2) : place]) for place, flag in enumerate(flags))
    return found


def with_model(seed: int, *, factor: float = 1.0, noise: float) -> Series:
    """Return weeks whose risk wanders as a model foretold, at twice its level and up to noise."""
    rng = np.random.default_rng(seed)
    weeks = np.arange(N)
    rate = np.exp(np.cumsum(rng.normal(0, 0.08, N)) + 0.3 * np.sin(2 * np.pi * (weeks / YEAR + rng.random())))
    rate *= 30 / rate.mean()
    counts = rng.poisson(rng.gamma(rate * np.where(weeks >= JUMP, factor, 1.0) / 0.3, 0.3)).astype(np.float64)
    foretold = 2 * rate * np.exp(rng.normal(0, noise, N))
    foretold[:78] = np.nan
    return Series("losses", counts, np.full(N, 3000.0), np.ones(N), np.ones(N, dtype=bool), False, foretold)


def beside_model(noise: float, *, use: bool, n: int = 60) -> tuple[float, float]:
    """Return the share of doublings flagged within two weeks, and false alarms a company in 26 quiet weeks."""
    fast = false = 0
    for seed in range(n):
        quiet, doubled = (with_model(seed, factor=factor, noise=noise) for factor in (1.0, 2.0))
        if not use:
            quiet, doubled = (dataclasses.replace(each, foretold=None) for each in (quiet, doubled))
        fast += first_alarm(doubled, JUMP, is_plain=False) < 2
        rule = {"alpha": LOSSES, "guard": GUARD, "year": YEAR, "alone": ALONE_OF_LOSSES}
        flags = [judged(quiet, week, **rule).status == "alarm" for week in range(130, N)]
        false += sum(flag and not any(flags[max(0, place - 2) : place]) for place, flag in enumerate(flags))
    return fast / n, false / n


def main() -> None:
    print("losses a week   within two weeks   plain threshold   mean weeks   plain   (of 100)")
    for mean in (15, 20, 30, 60):
        companies = [simulated(seed, mean=mean, factor=2.0, since=JUMP) for seed in range(100)]
        found, plain = ([first_alarm(each, JUMP, is_plain=p) for each in companies] for p in (False, True))
        fast = [sum(after < 2 for after in each) for each in (found, plain)]
        print(f"{mean:13}{fast[0]:19}{fast[1]:18}{np.mean(found):13.1f}{np.mean(plain):8.1f}")
    quiet = Counter(false_alarms(seed, 104, N) for seed in range(100, 150))
    print("risk that wanders, 30 losses a week   doublings flagged   false alarms in half a year")
    for name, noise in (("foretold exactly", 0.0), ("foretold within 15 %", 0.15), ("not foretold", 0.5)):
        for use in (True, False):
            fast_share, false = beside_model(noise, use=use)
            print(f"{name + (', model used' if use else ', past alone'):36}{fast_share:19.0%}{false:30.2f}")
    print("quiet years of seven series, by false alarms: " + ", ".join(f"{n}: {quiet[n]}" for n in sorted(quiet)))


if __name__ == "__main__":
    main()
