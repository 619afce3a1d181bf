"""Totals and ratios of the stages beside the slow recomputation, and no alarm because of them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from spenders import DATES, features_of, spenders

from churnml.verification.agreement import check_features
from churnml.verification.excerpt import excerpt_of
from churnml.verification.rows import plain_rows


@pytest.mark.parametrize("seed", range(4))
def test_ratios_equal_the_slow_recomputation(seed: int, tmp_path: Path) -> None:
    history = spenders(tmp_path, seed=seed)
    table, features = features_of(history, dates=DATES)
    ratios = [feature for feature in features if feature.family == "ratios"]
    ids = pa.array(table["customer_id"].to_pylist())
    rows = plain_rows(excerpt_of(history, ids, buckets=range(history.n_buckets)))
    found, covered = check_features(table, ratios, rows, history.tables, longest=90, file="data/features")
    assert not found
    assert covered.features == {feature.name for feature in ratios}
    changed = {name: pa.array([3.25] * table.num_rows) for name in covered.features}
    wrong, _ = check_features(
        pa.table({**dict(zip(table.column_names, table.columns, strict=True)), **changed}),
        ratios,
        rows,
        history.tables,
        longest=90,
        file="data/features",
    )
    assert {finding.column for finding in wrong} == covered.features
