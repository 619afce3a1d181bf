"""Own features through the stages: resolved, computed, told in the dictionary, refused when their file has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_company import another, run, write_params

from churnml.config import load_params
from churnml.errors import ModelError
from churnml.features.plan import FeaturePlan
from churnml.flow.featurize import featurize
from churnml.histories.store import open_history
from churnml.storage import read_json

CODE = "def n_channels(rows, at):\n    return len(rows['channel'].unique())\n"
OWN = {
    "name": "n_channels",
    "function": "features/own.py:n_channels",
    "table": "orders",
    "unit": "count",
    "meaning": {"en": "Channels used", "zh": "\u4f7f\u7528\u8fc7\u7684\u6e20\u9053\u6570"},
}


def test_a_missing_file_stops_the_first_stage(tmp_path: Path) -> None:
    write_params(tmp_path, {"features": {"own": [OWN]}})
    assert run(tmp_path, "configure") == 2
    facts = json.loads((tmp_path / "reports" / "last_error.json").read_text())
    assert (facts["rule"], facts["file"], facts["column"]) == (
        "config.file_missing",
        "features/own.py",
        "features.own[0]",
    )


@pytest.mark.slow
def test_own_features_reach_table_dictionary_and_page(tmp_path: Path, golden: Path) -> None:
    folder = another(tmp_path / "own", golden, {"features": {"own": [OWN], "families": ["recency", "own"]}})
    (folder / "features").mkdir()
    (folder / "features" / "own.py").write_text(CODE)
    assert run(folder, "configure", "prepare", "snapshots", "featurize") == 0
    table = pq.read_table(sorted((folder / "data" / "features").glob("bucket-*.parquet"))[0])
    assert 1 <= max(table["own_n_channels"].to_pylist()) <= 5
    entry = next(e for e in read_json(folder / "reports" / "features.json") if e["name"] == "own_n_channels")
    assert entry["words"]["en"] == "Channels used"
    assert entry["missing_share"] == 0
    assert "own_n_channels" in (folder / "reports" / "features.html").read_text(encoding="utf-8")

    plan = FeaturePlan.from_json(read_json(folder / "data" / "features" / "plan.json"))
    (folder / "features" / "own.py").write_text(CODE + "# changed\n")
    history, params = open_history(folder / "data" / "prepared"), load_params(folder / "params.yaml")
    with pytest.raises(ModelError, match="another version of the own feature n_channels"):
        featurize(history, params, folder / "data" / "snapshots", tmp_path / "again", root=folder, plan=plan)
