from __future__ import annotations

import numpy as np
import pytest

from churnml.estimators.leaving import MIN_LEFT, LeavingModel

RNG = np.random.default_rng(3)
X = RNG.standard_normal((6_000, 6)).astype(np.float32)
P = 1.0 / (1.0 + np.exp(3.0 - 1.5 * X[:, 0]))
LEFT = (RNG.random(6_000) < P).astype(np.float64)


def fitted(left: np.ndarray) -> LeavingModel | None:
    return LeavingModel.fitted(X, left, customers=np.arange(6_000) // 3, categorical=(), seed=1, threads=1)


def test_probabilities_are_those_planted() -> None:
    model = fitted(LEFT)
    assert model is not None
    found = model.probability(X)
    assert np.corrcoef(found, P)[0, 1] > 0.93
    assert found.mean() == pytest.approx(P.mean(), rel=0.1)


def test_too_few_who_left_teach_nothing() -> None:
    few = np.zeros(6_000)
    few[: MIN_LEFT - 1] = 1.0
    assert fitted(few) is None
