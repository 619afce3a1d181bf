"""Models of different runs score together: each by its own plan, bit-equal with scoring alone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from small_company import another, few_trees, run, small_params, write_params

from churnml.config import Params
from churnml.errors import ModelError
from churnml.flow.fresh import score_as_of
from churnml.flow.monitor_fresh import monitor_as_of

pytestmark = pytest.mark.slow
OTHER = {
    "features": {"windows_days": [60], "families": ["recency", "frequency", "value", "tenure", "rhythm", "btyd"]},
    "histories": {"tables": {"tickets": None, "surveys": None}},
}
"""Other windows and families, and two tables less."""
OF_VALUE = ("clv", "clv_low", "clv_high")
TRAIN = ("configure", "prepare", "snapshots", "featurize", "label", "train_churn", "train_clv")


@pytest.fixture(scope="module")
def older(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the same company whose models were learned by another plan, and from fewer tables."""
    folder = another(tmp_path_factory.mktemp("older") / "p", golden, OTHER)
    with few_trees():
        assert run(folder, *TRAIN) == 0
    return folder


def with_models(folder: Path, golden: Path, *, churn: Path, clv: Path) -> Path:
    """A project with the models of two others."""
    another(folder, golden)
    for name, source in (("churn", churn), ("clv", clv)):
        shutil.copytree(source / "models" / name, folder / "models" / name)
    return folder


def scored(folder: Path, *changes: Mapping[str, Any]) -> dict[str, list[Any]]:
    out = folder / "out.parquet"
    score_as_of(Params.model_validate(small_params(*changes)), root=folder, reference="models/churn", out=out)
    return pq.read_table(out).to_pydict()


@pytest.fixture(scope="module")
def alone(golden: Path, older: Path) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """What the models of each run say of everybody, each run by itself."""
    return scored(golden), scored(older, OTHER)


@pytest.mark.parametrize("newer", ["churn", "clv"])
def test_each_model_scores_as_with_its_own_run(
    golden: Path, older: Path, tmp_path: Path, alone: tuple[dict[str, list[Any]], ...], newer: str
) -> None:
    now, then = alone
    sources = {"churn": older, "clv": older} | {newer: golden}
    mixed = scored(with_models(tmp_path / "p", golden, **sources))
    churn, clv = (now, then) if newer == "churn" else (then, now)
    assert mixed["p_churn"] == churn["p_churn"]
    assert [mixed[name] for name in ("reason_1", "risk_band")] == [churn[name] for name in ("reason_1", "risk_band")]
    at_risk = [p is not None for p in mixed["p_churn"]]
    assert mixed["customer_id"] == clv["customer_id"]
    assert sum(at_risk) > 100
    # A value is capped where churn is nearly sure, so that it also hangs on the churn model: none is so here.
    assert max(p for p in mixed["p_churn"] if p is not None) < 0.98
    for name in OF_VALUE:
        assert mixed[name] == clv[name], name


def test_the_stage_scores_as_the_command_does(golden: Path, older: Path, tmp_path: Path) -> None:
    folder = with_models(tmp_path / "p", golden, churn=golden, clv=older)
    said = scored(folder)
    for name in ("features", "prepared", "backtest"):
        (folder / "data" / name).symlink_to(golden / "data" / name)
    assert run(folder, "configure", "score") == 0
    assert pq.read_table(folder / "data" / "scored" / "scores.parquet").to_pydict() == said
    assert not list((folder / "data").glob(".*"))


def test_the_monitor_takes_models_of_two_runs(golden: Path, older: Path, tmp_path: Path) -> None:
    folder = with_models(tmp_path / "p", golden, churn=older, clv=golden)
    report = monitor_as_of(Params.model_validate(small_params()), root=folder, reference="models/churn")
    assert report["drift"]["status"] == "checked"


def test_only_what_is_gone_is_refused_and_the_model_is_named(golden: Path, older: Path, tmp_path: Path) -> None:
    folder = with_models(tmp_path / "p", golden, churn=older, clv=golden)
    write_params(folder, OTHER)
    with pytest.raises(ModelError, match="is not declared any more, and the clv model has learned from it") as caught:
        scored(folder, OTHER)
    assert (caught.value.exit_code, caught.value.column) == (5, "histories.tables.surveys")
