"""Labels dealt out at random: a model that still ranks above chance on later rows was shown them while it learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.estimators.matrix import spec_of, to_matrix
from churnml.verification.evidence import auc_of
from churnml.verification.findings import Finding
from churnml.verification.windows import Parts

__all__ = ["Permuted", "permuted_areas", "permuted_labels"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_ROUNDS = 30
_SIGMAS = 4.5
_LEAST_OF_CLASS = 10
_SETTINGS = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.2,
    "min_data_in_leaf": 5,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
    "num_threads": 1,
}


@dataclass(frozen=True)
class Permuted:
    """What models of permuted labels did on the rows that check: mean area, its noise, how many models."""

    mean: float
    noise: float
    n: int
    name: str = ""

    def findings(self) -> list[Finding]:
        """Return a finding where the mean lies beyond the noise."""
        if self.n == 0 or self.mean - 0.5 <= _SIGMAS * self.noise:
            return []
        place = ("time.permuted_labels", "error", self.name, "data/snapshots")
        return [Finding(*place, value=self.mean, n=self.n)]  # type: ignore[arg-type]


def permuted_labels(y: Bools, dates: Int64s, customers: Int64s, *, reach_us: int, tested: int, seed: int) -> Bools:
    """Return labels dealt to other customers of the same date.

    Dates whose outcome overlaps that of the tested one share a deal: a customer gets the labels of one and the same
    other customer there, so a label that is learned and tested stays the same label. Other dates are dealt apart.

    Parameters
    ----------
    y : ndarray of bool, shape (n_rows,)
    dates, customers : ndarray of int64, shape (n_rows,)
    reach_us : int
        How far after its date an outcome is settled.
    tested : int
        The tested date.
    seed : int
    """
    rng = np.random.default_rng(seed)
    dealt = np.empty_like(y)
    n_customers = int(customers.max()) + 1
    shared = rng.permutation(n_customers)
    for date in np.unique(dates):
        rows = np.flatnonzero(dates == date)
        overlaps = abs(int(date) - tested) < reach_us
        donor = (shared if overlaps else rng.permutation(n_customers))[customers[rows]]
        place = np.full(n_customers, -1, dtype=np.int64)
        place[customers[rows]] = rows
        found = place[donor]
        dealt[rows] = np.where(found >= 0, y[found], rng.permutation(y[rows]))
    return dealt


def permuted_areas(
    table: pa.Table,
    y: Bools,
    dates: Int64s,
    customers: Int64s,
    fold: Parts,
    *,
    reach_us: int,
    n_permutations: int,
    max_rows: int,
    seed: int,
) -> Permuted:
    """Fit small models to permuted labels of a fold's learned rows and measure them on its tested ones.

    Parameters
    ----------
    table : pyarrow.Table
        Features.
    y, dates, customers : ndarray, shape (n_rows,)
    fold : Parts
    reach_us, n_permutations, max_rows, seed : int
    """
    rng = np.random.default_rng(seed)
    learned = _some(np.concatenate([fold.train, fold.valid, fold.between]), max_rows, rng)
    tested = _some(fold.test, max_rows, rng)
    if not len(learned) or not len(tested):
        return Permuted(0.5, 0.0, 0)
    spec = spec_of(table.take(pa.array(learned)))
    matrix = [to_matrix(table.take(pa.array(rows)), spec) for rows in (learned, tested)]
    areas, noise = [], []
    for number in range(n_permutations):
        when = int(dates[tested].max())
        dealt = permuted_labels(y, dates, customers, reach_us=reach_us, tested=when, seed=seed + number)
        truth = dealt[tested]
        n_one, n_zero = int(truth.sum()), int((~truth).sum())
        if min(n_one, n_zero, int(dealt[learned].sum()), int((~dealt[learned]).sum())) < _LEAST_OF_CLASS:
            continue
        data = lgb.Dataset(matrix[0], label=dealt[learned].astype(float), categorical_feature=spec.categorical)
        model = lgb.train({**_SETTINGS, "seed": seed + number}, data, num_boost_round=_ROUNDS)
        areas.append(auc_of(truth, np.asarray(model.predict(matrix[1], num_threads=1))))
        noise.append((n_one + n_zero + 1) / (12 * n_one * n_zero))
    if not areas:
        return Permuted(0.5, 0.0, 0)
    return Permuted(float(np.mean(areas)), float(np.sqrt(np.mean(noise) / len(noise))), len(areas), fold.name)


def _some(rows: Int64s, limit: int, rng: np.random.Generator) -> Int64s:
    chosen: Sequence[int] | Int64s = rows if len(rows) <= limit else rng.choice(rows, limit, replace=False)
    return np.sort(np.asarray(chosen, dtype=np.int64))
