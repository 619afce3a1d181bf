"""Plain LightGBM on recency, frequency, money and tenure: what an afternoon's work would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["N_ROUNDS", "RfmTrees"]

Floats = npt.NDArray[np.float64]
N_ROUNDS = 100


@dataclass
class RfmTrees:
    """A hundred trees with LightGBM's default settings on a handful of columns.

    Nothing is tuned, stopped early, calibrated or weighted: the distance from here is what all that is worth. Value is
    brought to the training rows' total, as for the other rules.

    Parameters
    ----------
    kind : {"churn", "clv"}
        Log loss, or squared error.
    columns : sequence of str
        Features: recency, frequency, money, tenure, as far as there are any.
    seed : int
        Of LightGBM; with its default settings nothing is drawn.
    """

    kind: Literal["churn", "clv"]
    columns: Sequence[str]
    seed: int = 1
    name: str = "rfm_lightgbm"

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Grow the trees on one thread; a rule must not depend on the machine."""
        settings: dict[str, Any] = {
            "objective": "binary" if self.kind == "churn" else "regression",
            "seed": self.seed,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        rows = lgb.Dataset(self._matrix(table), label=y, free_raw_data=True)
        self.booster_ = lgb.train(settings, rows, num_boost_round=N_ROUNDS)
        self.factor_ = 1.0
        if self.kind == "clv":
            total = float(self._raw(table).sum())
            self.factor_ = max(float(y.sum()) / total, 0.0) if total > 0 else 1.0
        return self

    def predict(self, table: pa.Table) -> Floats:
        """Return the probability of churn, or the expected value, never below 0."""
        return self.factor_ * self._raw(table)

    def _raw(self, table: pa.Table) -> Floats:
        raw = np.asarray(self.booster_.predict(self._matrix(table), num_threads=1), dtype=np.float64)
        return np.maximum(raw, 0.0)

    def _matrix(self, table: pa.Table) -> Floats:
        columns = [table.column(name).cast(pa.float64()).to_numpy() for name in self.columns]
        return np.column_stack(columns).astype(np.float64)
