"""Champion and challenger in a real registry; models are stubs, their backtests are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import yaml
from small_company import another, few_trees, run, write_params

from churnml import tracking
from churnml.config import load_params
from churnml.errors import ConfigError, ModelError
from churnml.evaluation.backtest import Predictions
from churnml.flow import compare as comparing
from churnml.flow.predictions import write_predictions
from churnml.flow.promote import compared, promote
from churnml.flow.promotions import PROMOTIONS, promotions, require_approved, require_promoted
from churnml.flow.versions import KEPT, keep_backtests, kept_backtest

N = 1200
AT = "2024-07-01T00:00:00+00:00"


def backtest(noise: float, *, seed: int = 1) -> Predictions:
    draw = np.random.default_rng(0)
    risk = draw.normal(size=N)
    y = (draw.random(N) < 1 / (1 + np.exp(1 - 2 * risk))).astype(float)
    p = 1 / (1 + np.exp(1 - (2 * risk + noise * np.random.default_rng(seed).normal(size=N)) / (1 + noise)))
    keys = {"fold": ["2024-01-01"] * N, "customer_id": [f"c{k:05d}" for k in range(N)]}
    return Predictions("churn", pa.table({**keys, "y": y, "p_churnml": p}))


def train(root: Path, name: str, noise: float, *, gate: str = "passed", seed: int = 1) -> int:
    """Register a version and keep its backtest, as the stage evaluate does."""
    folder = root / "made" / name
    (folder / "model").mkdir(parents=True)
    for file in ("model.txt", "model.json", "card.md"):
        (folder / "model" / file).write_text(json.dumps({"name": name}))
    write_predictions(backtest(noise, seed=seed), folder / "backtest", is_out_of_time=True)
    keep_backtests(root, models={"churn": folder / "model"}, backtests={"churn": folder / "backtest"})
    made = tracking.RunRecord(model="churn", params={}, metrics={}, tags={"gate": gate}, model_folder=folder / "model")
    return tracking.record(root, made).version


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a champion (1), a better model (2), a twin of the champion (3) and one without a pass (4)."""
    root = tmp_path_factory.mktemp("registry")
    write_params(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for seed, (name, noise) in enumerate((("old", 2.0), ("better", 0.2), ("twin", 2.0)), start=1):
            train(root, name, noise, seed=seed)
        train(root, "failed", 0.1, gate="failed: no better than chance.")
        tracking.set_alias(root, "churn", "champion", 1)
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(comparing, "fetched", lambda *_: SimpleNamespace(meta={}, spec=None, model=None))
    folder = tmp_path / "project"
    shutil.copytree(made, folder)
    return folder


def make_champion(
    project: Path, version: int | None, *, force: bool = False, why: str = "", approved_by: str = ""
) -> dict[str, object]:
    return promote(
        project / "params.yaml", "churn", version=version, force=force, why=why, at=AT, approved_by=approved_by
    )


def test_a_better_version_takes_the_place_and_leaves_a_trace(project: Path) -> None:
    done = make_champion(project, 2)
    assert tracking.champion_version(project, "churn") == 2
    assert json.loads((project / PROMOTIONS).read_text()) == done
    assert (done["before"], done["forced"], done["at"]) == (1, False, AT)
    assert len(str(done["digest"])) == 64


def test_a_gain_that_may_be_chance_is_refused_with_its_figures(project: Path) -> None:
    with pytest.raises(ModelError, match=r"not better than the champion beyond noise: .*may be chance"):
        make_champion(project, 3)
    assert tracking.champion_version(project, "churn") == 1
    assert not (project / PROMOTIONS).exists()


def test_force_needs_a_reason_and_is_written_down(project: Path) -> None:
    with pytest.raises(ConfigError, match="--force needs a reason"):
        make_champion(project, 3, force=True)
    done = make_champion(project, 3, force=True, why="The old one is to be retired.")
    assert done["forced"]
    assert "may be chance" in str(done["refusal"])
    _, tags = tracking.tags_of(project, "churn", version=3)
    assert (tags["promoted.forced"], tags["promoted.why"]) == ("true", "The old one is to be retired.")


def test_who_failed_the_gate_is_refused_before_any_comparison(project: Path) -> None:
    with pytest.raises(ModelError, match="did not pass its gate: no better than chance"):
        make_champion(project, 4)


def test_without_a_challenger_there_is_nothing_to_promote(project: Path) -> None:
    with pytest.raises(ModelError, match="has no challenger"):
        make_champion(project, None)


def test_only_churn_and_clv_can_be_promoted(project: Path) -> None:
    with pytest.raises(ConfigError, match="not a model"):
        promote(project / "params.yaml", "../churn", version=1, force=False, why="", at=AT)


def test_the_page_says_it_in_both_languages(project: Path) -> None:
    found = compared(load_params(project / "params.yaml"), project, "churn", champion="champion", challenger="2")
    page = (project / "reports" / "compare_churn.html").read_text(encoding="utf-8")
    assert found["verdict"]["ok"]
    assert "may take the champion&#39;s place" in page
    assert "候选模型可以接替现役模型" in page


def test_the_same_model_needs_no_figures(project: Path) -> None:
    found = compared(load_params(project / "params.yaml"), project, "churn", champion="1", challenger="1")
    assert not found["verdict"]["ok"]
    assert "same model" in found["verdict"]["reasons"][0]["en"]


def test_a_backtest_that_is_not_here_is_told(project: Path) -> None:
    shutil.rmtree(project / ".churnml" / "backtests")
    with pytest.raises(ModelError, match="is not kept in this project"):
        compared(load_params(project / "params.yaml"), project, "churn", champion="1", challenger="2")


def test_so_many_backtests_are_kept_in_private(tmp_path: Path) -> None:
    def keep(number: int) -> None:
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / "model.json").write_text(str(number))
        write_predictions(backtest(1.0), tmp_path / "backtest", is_out_of_time=True)
        keep_backtests(tmp_path, models={"churn": tmp_path / "model"}, backtests={"churn": tmp_path / "backtest"})

    for number in range(KEPT + 2):
        keep(number)
    kept = list((tmp_path / ".churnml" / "backtests" / "churn").iterdir())
    assert len(kept) == KEPT
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o700}
    assert {path.stat().st_mode & 0o777 for folder in kept for path in folder.iterdir()} == {0o600}
    assert kept_backtest(tmp_path, "churn", "0" * 64) is None


def test_an_approval_is_kept_with_the_promotion_and_lets_the_model_score(project: Path) -> None:
    write_params(project, {"promotion": {"require_approval": True}})
    with pytest.raises(ConfigError, match="--approved-by NAME"):
        make_champion(project, 2)
    done = make_champion(project, 2, approved_by=" R. Osei ")
    assert done["approved_by"] == "R. Osei"
    assert tracking.tags_of(project, "churn", version=2)[1]["promoted.approved_by"] == "R. Osei"
    require_approved(project, {"churn": str(done["digest"])})
    with pytest.raises(ModelError, match="nobody has approved this churn model") as caught:
        require_approved(project, {"churn": "0" * 64})
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("force", [False, True])
def test_fl_15_files_that_are_not_whole_are_never_promoted(project: Path, force: bool) -> None:
    for path in (project / "mlartifacts").rglob("model.json"):
        path.write_text("half")
    with pytest.raises(ModelError, match=r"model\.json: differs from what was registered"):
        make_champion(project, 2, force=force, why="x")
    assert tracking.champion_version(project, "churn") == 1
    assert not (project / PROMOTIONS).exists()


def test_the_first_champion_can_be_approved_where_it_stands(project: Path) -> None:
    assert make_champion(project, None, approved_by="R. Osei")["version"] == 1
    assert [line["approved_by"] for line in promotions(project)] == ["R. Osei"]


def test_a_champion_that_was_never_promoted_is_refused_once_there_is_a_record(project: Path) -> None:
    digests = {str(number): tracking.tags_of(project, "churn", version=number)[1] for number in (1, 2)}
    first, second = ({"churn": digests[number]["sha256.model.json"]} for number in ("1", "2"))
    require_promoted(project, first)
    make_champion(project, 2)
    require_promoted(project, second)
    with pytest.raises(ModelError, match="is not the one that was promoted"):
        require_promoted(project, first)


@pytest.mark.parametrize("line", ["{", "[]", '{"model": "churn"}', '{"model": 1, "digest": "a"}'])
def test_a_damaged_record_of_promotions_is_refused_with_its_line(project: Path, line: str) -> None:
    make_champion(project, 2)
    with (project / PROMOTIONS).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ModelError, match=r"models/promotions\.jsonl:2: not a line"):
        promotions(project)


@pytest.mark.slow
def test_real_versions_are_compared_also_on_dates_after_the_champion(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = another(tmp_path / "again", golden)
    stages: list[str] = [
        "configure",
        "prepare",
        "snapshots",
        "featurize",
        "label",
        "train_churn",
        "train_clv",
        "evaluate",
    ]
    with few_trees():
        assert run(folder, *stages) == 0
        write_params(folder, {"train": {"seed": 5, "forbidden": ["orders_recency_days"]}})
        assert run(folder, *stages) == 0
    found = compared(load_params(folder / "params.yaml"), folder, "churn", champion="1", challenger="2")
    assert found["n_rows"] > 100
    assert 0.0 <= found["same_top_reason"]["share"] <= 1.0
    assert {"roc_auc", "log_loss"} <= set(found["measures"])


def declare_crisis(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["crises"] = [{"name": "fire", "type": "operations", "start": "2024-06-01", "end": "2024-09-01"}]
    (project / "params.yaml").write_text(yaml.safe_dump(params))


def test_in_a_crisis_no_version_is_promoted_but_by_force_with_a_trace(project: Path) -> None:
    declare_crisis(project)
    with pytest.raises(ModelError, match=r"regime is not normal: Operational crisis “fire”.*it ends on 2024-09-01"):
        make_champion(project, 2)
    assert tracking.champion_version(project, "churn") == 1
    done = make_champion(project, 2, force=True, why="The old one cannot be served any more.")
    assert done["forced"]
    assert "regime is not normal" in str(done["refusal"])


def test_the_champion_of_a_crisis_can_still_be_approved(project: Path) -> None:
    declare_crisis(project)
    assert not make_champion(project, 1, approved_by="R. Okafor")["forced"]
