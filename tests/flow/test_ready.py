from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from churnml.config import load_params
from churnml.errors import DataError, ModelError
from churnml.flow.ready import score_features
from churnml.parquet import read_parquet


def test_ready_features_get_the_probabilities_of_the_whole_run(golden: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    told = score_features(golden / "data" / "features", root=golden, reference="models/churn", out=out)
    rows = read_parquet(out)
    assert told["rows"] == rows.num_rows
    assert rows.column_names == ["customer_id", "observation_date", "p_churn", "model_version"]
    as_of = load_params(golden / "params.yaml").histories.as_of_us
    now = rows.filter(pc.equal(rows["observation_date"].cast(pa.int64()), as_of)).sort_by("customer_id")
    scores = read_parquet(golden / "data" / "scored" / "scores.parquet")
    scores = scores.filter(pc.is_valid(scores["p_churn"]))
    assert now["customer_id"].to_pylist() == scores["customer_id"].to_pylist()
    assert np.array_equal(now["p_churn"].to_numpy(), scores["p_churn"].to_numpy())


def test_any_table_with_the_columns_will_do_in_any_order(golden: Path, tmp_path: Path) -> None:
    table = read_parquet(golden / "data" / "features" / "bucket-0001.parquet").drop(["observation_date"])
    pq.write_table(table.select(table.column_names[::-1]), tmp_path / "turned.parquet")
    for name, path in (("a", golden / "data" / "features" / "bucket-0001.parquet"), ("b", tmp_path / "turned.parquet")):
        score_features(path, root=golden, reference="models/churn", out=tmp_path / f"{name}.out")
    first, second = (read_parquet(tmp_path / f"{name}.out") for name in "ab")
    assert second.column_names == ["customer_id", "p_churn", "model_version"]
    assert first["p_churn"].equals(second["p_churn"])


def test_no_features_and_others_are_refused(golden: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Parquet file in the folder"):
        score_features(tmp_path, root=golden, reference="models/churn", out=tmp_path / "out")
    pq.write_table(pa.table({"customer_id": ["a"]}), tmp_path / "few.parquet")
    with pytest.raises(ModelError, match="features differ from the model's"):
        score_features(tmp_path / "few.parquet", root=golden, reference="models/churn", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
