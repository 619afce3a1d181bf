"""The models of the tested dates, kept until their reasons have been checked."""

from __future__ import annotations

import pyarrow as pa

from churnml.config import Params
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import FeatureSpec
from churnml.reasons.checked import N_ROWS, FittedModel, checked_reasons
from churnml.reasons.contributions import spread_rows

__all__ = ["Watched"]


class Watched:
    """Takes each tested model with some rows it had not seen; folds may come in any order."""

    def __init__(self) -> None:
        self._found: dict[str, FittedModel] = {}

    def __call__(self, fold: str, model: ChurnClassifier, spec: FeatureSpec, test: pa.Table) -> None:
        """Keep a model."""
        self._found[fold] = FittedModel(fold, model, spec, test.take(spread_rows(test.num_rows, n_wanted=N_ROWS)))

    def checked(self, params: Params, final: ChurnClassifier, spec: FeatureSpec) -> pa.Table:
        """Return the checked reasons; the model to be used is the retraining of the newest tested one."""
        kinds = {name: table.kind for name, table in params.histories.tables.items()}
        tested = [self._found[fold] for fold in sorted(self._found)]
        return checked_reasons(
            [*tested, FittedModel("final", final, spec)],
            kinds=kinds,
            never_named=params.reasons.never_named,
            threads=params.train.threads,
        )
