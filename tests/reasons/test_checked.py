from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import FeatureSpec, spec_of, to_matrix
from churnml.reasons.checked import FittedModel, checked_reasons

N = 600


@pytest.fixture(scope="module")
def table() -> pa.Table:
    draw = np.random.default_rng(1)
    numbers = {
        "orders_recency_days": draw.gamma(2, 20, N),
        "tickets_count_90d": draw.poisson(2, N),
        "visits_count_90d": draw.poisson(5, N),
    }
    columns = {name: values.astype(np.float32) for name, values in numbers.items()}
    return pa.table({"customer_id": [f"c{k}" for k in range(N)], **columns})


def fitted(table: pa.Table, column: str, *, seed: int = 1) -> tuple[ChurnClassifier, FeatureSpec]:
    """Return a model of an outcome that one column alone decides."""
    values = table[column].to_numpy()
    y = (values + np.random.default_rng(seed).normal(size=N) > np.median(values)).astype(float)
    spec = spec_of(table)
    return ChurnClassifier(max_rounds=20, seed=seed).fit(to_matrix(table, spec), y), spec


@pytest.fixture(scope="module")
def silent(table: pa.Table) -> tuple[ChurnClassifier, FeatureSpec]:
    return fitted(table, "orders_recency_days")


def test_the_cause_that_decides_lowers_the_risk_most(table: pa.Table, silent: tuple) -> None:
    found = checked_reasons([FittedModel("a", *silent, table)])
    assert found.num_rows > N / 3
    assert set(found["cause"].to_pylist()) == {"silence"}
    assert np.mean(found["beats_other"]) > 0.95
    assert np.mean(found["drop"]) > 10 * abs(np.mean(found["drop_other"]))
    assert found["is_first_kept"].null_count == found.num_rows


def test_the_same_model_keeps_every_reason_and_another_outcome_none(table: pa.Table, silent: tuple) -> None:
    again = checked_reasons([FittedModel("a", *silent, table), FittedModel("b", *silent)])
    assert np.mean(again["is_first_kept"]) == np.mean(again["kept"]) == 1.0
    other = fitted(table, "tickets_count_90d")
    assert np.mean(checked_reasons([FittedModel("a", *silent, table), FittedModel("b", *other)])["is_first_kept"]) < 0.5


def test_a_single_cause_has_nothing_to_be_compared_with(table: pa.Table) -> None:
    alone = table.select(["customer_id", "orders_recency_days"])
    found = checked_reasons([FittedModel("a", *fitted(alone, "orders_recency_days"), alone)])
    assert found["beats_other"].null_count == found.num_rows > 0


def test_threads_and_nothing_to_check(table: pa.Table, silent: tuple) -> None:
    models = [FittedModel("a", *silent, table)]
    assert checked_reasons(models).equals(checked_reasons(models, threads=2))
    assert checked_reasons([FittedModel("a", *silent)]).num_rows == 0
