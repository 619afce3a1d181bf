"""Whose files may score: formats, digests and features, as the command that scores meets them."""

from __future__ import annotations

import ast
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pyarrow as pa
import pytest
from small_company import PROJECT, run, write_params

from churnml import tracking
from churnml.config import load_params
from churnml.errors import ModelError
from churnml.estimators.artifact import load
from churnml.flow import score as scoring
from churnml.flow.fresh import open_models
from churnml.flow.promotions import add_promotion
from churnml.flow.score import Models, score
from churnml.histories.store import open_history
from churnml.storage import digest_file
from churnml.tracking.store import open_store

AT = "2024-07-01T00:00:00+00:00"


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose registry is made and empty: that takes seconds."""
    folder = tmp_path_factory.mktemp("trust")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with open_store(folder) as store:
            store.client.create_experiment("churnml/churn", artifact_location=store.artifacts.as_uri())
            store.client.create_registered_model("churn")
    return folder


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.path), "w")


def as_pickle(folder: Path, canary: Canary) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(canary))


def as_joblib(folder: Path, canary: Canary) -> None:
    joblib.dump(canary, folder / "model.joblib")


def as_cloudpickle(folder: Path, canary: Canary) -> None:
    (folder / "model.cloudpickle").write_bytes(cloudpickle.dumps(canary))


def as_skops(folder: Path, canary: Canary) -> None:
    (folder / "model.skops").write_bytes(b"PK\x03\x04" + pickle.dumps(canary))


def as_function(folder: Path, canary: Canary) -> None:
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n")
    (folder / "requirements.txt").write_text("a-package-that-must-not-be-installed\n")
    (folder / "python_model.pkl").write_bytes(cloudpickle.dumps(canary))


def as_text(folder: Path, canary: Canary) -> None:
    """Under the names of ours."""
    for name in ("model.txt", "model.json"):
        (folder / name).write_bytes(pickle.dumps(canary))


def champion_from(project: Path, folder: Path) -> None:
    """Make a folder's files the champion, as anybody with access to the registry can."""
    with open_store(project) as store:
        experiment = store.client.get_experiment_by_name("churnml/churn").experiment_id
        run_id = store.client.create_run(experiment).info.run_id
        store.client.log_artifacts(run_id, str(folder), "model")
        version = store.client.create_model_version("churn", f"runs:/{run_id}/model", run_id).version
        store.client.set_registered_model_alias("churn", "champion", version)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (as_pickle, "format not allowed"),
        (as_joblib, "format not allowed"),
        (as_cloudpickle, "format not allowed"),
        (as_skops, "format not allowed"),
        (as_function, "format not allowed"),
        (as_text, "format not allowed|differs from what was registered"),
    ],
)
def test_mr_04_a_model_that_runs_code_is_refused_unread(
    project: Path, tmp_path: Path, make: Callable[[Path, Canary], None], match: str
) -> None:
    canary, folder = Canary(tmp_path / "executed"), tmp_path / "hostile"
    folder.mkdir()
    make(folder, canary)
    champion_from(project, folder)
    with pytest.raises(ModelError, match=match) as caught:
        open_models(project, "models:/churn@champion", folder=tmp_path / "fetched")
    assert caught.value.exit_code == 5
    assert not canary.path.exists()


_LOG = """
import sys, mlflow
def predict(model_input: list[str]) -> list[str]:
    open(sys.argv[1], "w")
    return model_input
mlflow.set_experiment("churnml/churn")
with mlflow.start_run():
    made = mlflow.pyfunc.log_model(
        name="model", python_model=predict, registered_model_name="churn", pip_requirements=["never-installed"]
    )
print(made.registered_model_version)
"""
_LOAD = "import sys, mlflow; mlflow.pyfunc.load_model(f'models:/churn/{sys.argv[1]}')"


@pytest.mark.slow
def test_mr_04_models_that_mlflow_itself_has_logged_are_refused(project: Path, tmp_path: Path) -> None:
    def mlflow(code: str, argument: str, *, pickles: str) -> subprocess.CompletedProcess[str]:
        settings = {"MLFLOW_TRACKING_URI": f"sqlite:///{project / 'mlflow.db'}", "MLFLOW_DISABLE_TELEMETRY": "true"}
        environment = {**os.environ, **settings, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": pickles}
        command = [sys.executable, "-c", code, argument]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    logged = mlflow(_LOG, str(tmp_path / "executed"), pickles="true")
    assert logged.returncode == 0, logged.stderr
    version = logged.stdout.split()[-1]
    (tmp_path / "executed").unlink(missing_ok=True)  # MLflow tries a function with its example when it logs it
    with pytest.raises(ModelError, match="format not allowed"):
        open_models(project, f"models:/churn/{version}", folder=tmp_path / "fetched")
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert "MLFLOW_ALLOW_PICKLE_DESERIALIZATION" in mlflow(_LOAD, version, pickles="false").stderr
    assert not (tmp_path / "executed").exists()


_LOADERS = {"pickle", "joblib", "cloudpickle", "skops", "torch", "dill", "marshal", "shelve"}


def test_s7_nothing_in_the_tree_loads_a_format_that_runs_code() -> None:
    found = []
    for path in sorted([*PROJECT.glob("src/**/*.py"), *PROJECT.glob("pipelines/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [node.value.id] if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else []
            found += [(path.name, name) for name in names if name.split(".")[0] in _LOADERS]
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                found.append((path.name, "allow_pickle"))
    assert found == []


@pytest.fixture
def scored(golden: Path, tmp_path: Path) -> Callable[[], str]:
    """Score the golden project's customers again, as the stage does; return the digest of what it wrote."""
    folder, out = tmp_path / "features", tmp_path / "scores.parquet"
    shutil.copytree(golden / "data" / "features", folder)
    models = Models(*(load(golden / "models" / name, trusted=True) for name in ("churn", "clv")))
    params, history = load_params(golden / "params.yaml"), open_history(golden / "data" / "prepared")

    def again() -> str:
        score(params, history, models, out, features=folder, backtest=None)
        return digest_file(out)

    return again


def with_features(monkeypatch: pytest.MonkeyPatch, change: Callable[[pa.Table], pa.Table]) -> None:
    batches = scoring._batches
    monkeypatch.setattr(scoring, "_batches", lambda *args: map(change, batches(*args)))


def shuffled(table: pa.Table) -> pa.Table:
    places = np.random.default_rng(0).permutation(table.num_columns)
    return table.select([table.column_names[place] for place in places])


def test_mr_10_the_order_of_features_is_free(
    golden: Path, scored: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_features(monkeypatch, shuffled)
    assert scored() == digest_file(golden / "data" / "scored" / "scores.parquet")


def renamed(table: pa.Table) -> pa.Table:
    return table.rename_columns([f"{name}x" if name == "orders_recency_days" else name for name in table.column_names])


def as_words(table: pa.Table) -> pa.Table:
    place = table.column_names.index("orders_recency_days")
    return table.set_column(place, "orders_recency_days", table["orders_recency_days"].cast(pa.string()))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (renamed, "missing orders_recency_days; unknown orders_recency_daysx"),
        (lambda table: table.drop_columns(["orders_recency_days"]), "missing orders_recency_days"),
        (lambda table: table.append_column("more", pa.array([1.0] * table.num_rows)), "unknown more"),
        (as_words, "orders_recency_days: was a number in training and is string now"),
    ],
    ids=["name", "fewer", "more", "type"],
)
def test_mr_10_anything_else_is_refused_with_the_difference(
    scored: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pa.Table], pa.Table],
    match: str,
) -> None:
    with_features(monkeypatch, change)
    with pytest.raises(ModelError, match=match) as caught:
        scored()
    assert caught.value.exit_code == 5


def test_no_stage_scores_with_a_model_that_nobody_has_approved(
    golden: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(golden, folder)
    write_params(folder, {"promotion": {"require_approval": True}})
    assert run(folder, "configure", "score") == 5
    assert "nobody has approved this churn model" in capsys.readouterr().err
    for name in ("churn", "clv"):
        digest = digest_file(folder / "models" / name / "model.json")
        add_promotion(folder, {"at": AT, "model": name, "digest": digest, "approved_by": "R. Osei"})
    assert run(folder, "score") == 0


@pytest.mark.slow
def test_mr_02_one_flipped_bit_of_a_registered_model_is_refused(golden: Path, tmp_path: Path) -> None:
    write_params(tmp_path)
    folder = tmp_path / "made"
    shutil.copytree(golden / "models" / "churn", folder)
    record = tracking.RunRecord(model="churn", params={}, metrics={}, tags={}, model_folder=folder)
    run_id = tracking.record(tmp_path, record).run_id
    files = sorted((tmp_path / "mlartifacts" / run_id / "artifacts" / "model").iterdir())
    draw = np.random.default_rng(2)
    for _ in range(60):
        path = files[int(draw.integers(len(files)))]
        whole = path.read_bytes()
        damaged, place = bytearray(whole), int(draw.integers(8 * len(whole)))
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"differs from what was registered|format not allowed"):
            open_models(tmp_path, "models:/churn/1", folder=tmp_path / "fetched")
        path.write_bytes(whole)
    assert open_models(tmp_path, "models:/churn/1", folder=tmp_path / "fetched").models.churn
