"""Logistic regression on rank-normal columns: the strongest of the simple models on small tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.estimators.boosting import splits_by_customer
from churnml.estimators.calibrator import sigmoid
from churnml.estimators.linear import fit_logistic
from churnml.estimators.matrix import FeatureSpec, to_matrix

__all__ = ["LogisticBaseline"]

Floats = npt.NDArray[np.float64]


@dataclass
class LogisticBaseline:
    """L2-regularised logistic regression on all features, by itself.

    Parameters
    ----------
    spec : FeatureSpec
        Features by name.
    seed : int
        Seed of the customer folds that choose the strength of regularisation.
    """

    spec: FeatureSpec
    seed: int = 1
    name: str = "logistic"

    def fit(self, table: pa.Table, y: Floats) -> Self:
        """Fit on at most 15,000 rows, evenly spaced; the strength is chosen on held-out customers."""
        ids = table.column("customer_id").to_numpy() if "customer_id" in table.column_names else np.arange(y.size)
        splits = splits_by_customer(y, ids, seed=self.seed)
        self.part_, _ = fit_logistic(
            to_matrix(table, self.spec), y, splits, categorical=self.spec.categorical, weight=np.ones(y.size), barred={}
        )
        return self

    def predict(self, table: pa.Table) -> Floats:
        """Return the probability of churn."""
        return sigmoid(self.part_.raw_score(to_matrix(table, self.spec)))
