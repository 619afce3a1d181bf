"""The tracking store and registry on a real SQLite store: what is kept, found again, refused."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from churnml.errors import ConfigError, EnvironmentFault, ModelError
from churnml.tracking import (
    RunRecord,
    SearchTrial,
    champion_version,
    fetch,
    git_commit,
    model_digest,
    record,
    set_alias,
)
from churnml.tracking import store as store_module
from churnml.tracking.store import Store, open_store


def model_folder(parent: Path, *, text: str) -> Path:
    folder = parent / f"model_{text}"
    folder.mkdir(exist_ok=True)
    (folder / "model.txt").write_text(f"tree\n{text}\n")
    (folder / "model.json").write_text("{}\n")
    (folder / "card.md").write_text("# A model\n")
    return folder


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the project's own store, whatever the developer has set."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project for all tests: making a store takes seconds. Each test uses models of its own."""
    folder = tmp_path_factory.mktemp("a project")
    record(folder, training(folder, text="first", model="first"))
    return folder


def training(folder: Path, *, text: str, model: str) -> RunRecord:
    plot = folder / "roc.csv"
    plot.write_text("fpr,tpr\n0,0\n1,1\n")
    return RunRecord(
        model=model,
        params={"train.seed": 1, **{f"feature_{n:03d}": n for n in range(150)}},
        metrics={"roc_auc": 0.875},
        tags={"git_commit": "0" * 40},
        model_folder=model_folder(folder, text=text),
        plots=[plot],
    )


def test_a_training_is_recorded_whole(root: Path) -> None:
    done = record(root, training(root, text="whole", model="churn_whole"))
    with open_store(root) as store:
        run = store.client.get_run(done.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.metrics == {"roc_auc": 0.875}
        assert run.data.params["train.seed"] == "1"
        assert len(run.data.params) == 151
        assert run.data.tags["git_commit"] == "0" * 40
        assert [f.path for f in store.client.list_artifacts(done.run_id, "plots")] == ["plots/roc.csv"]
        version = store.client.get_model_version("churn_whole", str(done.version))
        assert version.tags["model_digest"] == model_digest(root / "model_whole")
        assert version.source == f"runs:/{done.run_id}/model"


def test_files_are_private(root: Path) -> None:
    assert stat.S_IMODE((root / "mlflow.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((root / "mlartifacts").stat().st_mode) == 0o700


def test_the_same_model_keeps_its_version(root: Path) -> None:
    first = record(root, training(root, text="same", model="again"))
    second = record(root, training(root, text="same", model="again"))
    other = record(root, training(root, text="other", model="again"))
    assert second.version == first.version
    assert second.run_id != first.run_id
    assert other.version == first.version + 1


def test_a_version_whose_files_are_lost_is_not_used_again(root: Path) -> None:
    first = record(root, training(root, text="lost", model="lost"))
    shutil.rmtree(root / "mlartifacts" / first.run_id)
    assert record(root, training(root, text="lost", model="lost")).version == first.version + 1


def test_aliases_move_and_are_fetched(root: Path, tmp_path: Path) -> None:
    assert champion_version(root, "moving") is None
    old = record(root, training(root, text="old", model="moving")).version
    new = record(root, training(root, text="new", model="moving")).version
    assert champion_version(root, "moving") is None
    set_alias(root, "moving", "champion", old)
    set_alias(root, "moving", "champion", new)
    assert champion_version(root, "moving") == new
    fetched = fetch(root, "models:/moving@champion", tmp_path / "fetched")
    assert model_digest(fetched) == model_digest(root / "model_new")
    assert sorted(p.name for p in fetched.iterdir()) == ["card.md", "model.json", "model.txt"]
    assert model_digest(fetch(root, f"models:/moving/{old}", fetched)) == model_digest(root / "model_old")


@pytest.mark.parametrize("reference", ["models:/first@challenger", "models:/first/99", "models:/nothing/1"])
def test_what_is_not_registered_cannot_be_fetched(root: Path, tmp_path: Path, reference: str) -> None:
    with pytest.raises(ModelError, match="no such version"):
        fetch(root, reference, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


@pytest.mark.parametrize(
    "reference", ["churn", "models:/churn", "models:/../1", "models:/churn/0", "file:///etc", "models:/a'b@champion"]
)
def test_odd_references_are_refused_before_anything_is_opened(tmp_path: Path, reference: str) -> None:
    with pytest.raises(ConfigError, match="not a reference"):
        fetch(tmp_path, reference, tmp_path / "fetched")


def test_asking_creates_no_store(tmp_path: Path) -> None:
    assert champion_version(tmp_path, "churn") is None
    with pytest.raises(ModelError, match="no such version"):
        fetch(tmp_path, "models:/churn@champion", tmp_path / "fetched")
    assert list(tmp_path.iterdir()) == []


def test_an_alias_needs_a_version(root: Path) -> None:
    with pytest.raises(ModelError, match="no such version"):
        set_alias(root, "first", "champion", 99)


@pytest.mark.parametrize("position", [0, 3, -1])
def test_one_flipped_bit_is_noticed(root: Path, tmp_path: Path, position: int) -> None:
    done = record(root, training(root, text=f"flip{position}", model="flipped"))
    path = root / "mlartifacts" / done.run_id / "artifacts" / "model" / "model.txt"
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"model\.txt: differs from what was registered"):
        fetch(root, f"models:/flipped/{done.version}", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def register(store: Store, model: str, source: str, run_id: str | None = None) -> int:
    """Register as anybody with access to the store can."""
    store.client.create_registered_model(model)
    return int(store.client.create_model_version(model, source, run_id).version)


def test_formats_that_run_code_are_refused(root: Path, tmp_path: Path) -> None:
    done = record(root, training(root, text="hostile", model="hostile"))
    for name in ("model.pkl", "model.joblib", "python_model.cloudpickle", "model.skops", "model.pt", "MLmodel"):
        path = root / "mlartifacts" / done.run_id / "artifacts" / "model" / name
        path.write_bytes(b"\x80\x04.")
        with pytest.raises(ModelError, match=f"{name}: format not allowed"):
            fetch(root, f"models:/hostile/{done.version}", tmp_path / "fetched")
        path.unlink()


def test_a_pickle_under_an_allowed_name_is_refused(root: Path, tmp_path: Path) -> None:
    with open_store(root) as store:
        run_id = store.client.create_run(store.client.get_experiment_by_name("churnml/first").experiment_id).info.run_id
        for name in ("model.txt", "model.json"):
            (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n")
            store.client.log_artifact(run_id, str(tmp_path / name), "model")
        version = register(store, "disguised", f"runs:/{run_id}/model", run_id)
    with pytest.raises(ModelError, match="differs from what was registered"):
        fetch(root, f"models:/disguised/{version}", tmp_path / "fetched")


def test_files_outside_the_artefact_folder_are_refused(root: Path, tmp_path: Path) -> None:
    folder = model_folder(tmp_path, text="outside")
    with open_store(root) as store:
        experiment = store.client.create_experiment("elsewhere", artifact_location=tmp_path.as_uri())
        run_id = store.client.create_run(experiment).info.run_id
        store.client.log_artifacts(run_id, str(folder), "model")
        register(store, "outside", f"runs:/{run_id}/model", run_id)
        register(store, "direct", folder.as_uri())
    for model in ("outside", "direct"):
        with pytest.raises(ModelError, match="does not point to files of a recorded run"):
            fetch(root, f"models:/{model}/1", tmp_path / "fetched")


def test_a_model_folder_with_more_in_it_is_not_recorded(root: Path, tmp_path: Path) -> None:
    training_ = replace(training(root, text="extra", model="extra"), model_folder=model_folder(tmp_path, text="extra"))
    (training_.model_folder / "model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match=r"model\.pkl: format not allowed"):
        record(root, training_)


def test_an_incomplete_model_is_not_recorded(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.txt: file missing"):
        record(root, replace(training(root, text="first", model="none"), model_folder=tmp_path))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"metrics": {"auc": float("nan")}}, "auc: a metric is not a finite number"),
        ({"model": "../churn"}, "not a name"),
        ({"plots": [Path("plot.pkl")]}, "not a plot file"),
    ],
)
def test_records_that_cannot_be_kept_are_refused(root: Path, changes: dict[str, object], match: str) -> None:
    bad = replace(training(root, text="first", model="bad"), **changes)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=match):
        record(root, bad)


def test_a_failing_record_leaves_a_failed_run_and_no_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(MlflowClient, "log_artifact", full)
    with pytest.raises(EnvironmentFault, match="tracking store cannot be used"):
        record(root, training(root, text="first", model="failing"))
    with open_store(root) as store:
        experiment = store.client.get_experiment_by_name("churnml/failing").experiment_id
        assert [run.info.status for run in store.client.search_runs([experiment])] == ["FAILED"]
        assert store.client.search_model_versions("name = 'failing'") == []


def test_runs_of_killed_processes_are_swept_up(root: Path) -> None:
    record(root, training(root, text="first", model="swept"))
    here = socket.gethostname()
    owners = {
        "dead": {"process.host": here, "process.pid": "4000000", "process.started": "1"},
        "reused": {"process.host": here, "process.pid": str(os.getpid()), "process.started": "1"},
        "remote": {"process.host": "another", "process.pid": "4000000", "process.started": "1"},
        "foreign": {},
    }
    with open_store(root) as store:
        experiment = store.client.get_experiment_by_name("churnml/swept").experiment_id
        runs = {name: store.client.create_run(experiment, tags=tags).info.run_id for name, tags in owners.items()}
    record(root, training(root, text="first", model="swept"))
    with open_store(root) as store:
        status = {name: store.client.get_run(run_id).info.status for name, run_id in runs.items()}
    assert status == {"dead": "KILLED", "reused": "KILLED", "remote": "RUNNING", "foreign": "RUNNING"}


def test_a_copied_project_uses_its_own_files(root: Path, tmp_path: Path) -> None:
    version = record(root, training(root, text="copied", model="copied")).version
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    with sqlite3.connect(root / "mlflow.db") as connection:
        before = connection.execute("SELECT artifact_uri FROM runs ORDER BY run_uuid").fetchall()
    assert fetch(copy, f"models:/copied/{version}", tmp_path / "fetched").exists()
    done = record(copy, training(copy, text="anew", model="copied"))
    assert (copy / "mlartifacts" / done.run_id).exists()
    with sqlite3.connect(root / "mlflow.db") as connection:
        assert connection.execute("SELECT artifact_uri FROM runs ORDER BY run_uuid").fetchall() == before


def test_the_variable_may_name_the_own_store(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    done = record(root, training(root, text="named", model="named"))
    assert (root / "mlartifacts" / done.run_id / "artifacts" / "model" / "model.txt").exists()


def test_a_store_held_by_another_process_is_waited_for_in_vain(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_LOCK_WAIT_SECONDS", 0.2)
    with open_store(root) as store, store.alone(), pytest.raises(EnvironmentFault, match="for too long"):
        champion_version(root, "first")


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"])
def test_a_broken_server_is_a_fault_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: bytes
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server, reply), daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(EnvironmentFault, match="MLFLOW_TRACKING_URI"):
            record(tmp_path, training(tmp_path, text="first", model="churn"))


def answer(server: socket.socket, reply: bytes) -> None:
    """Answer each request with the same bytes, and hang up."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            connection.sendall(reply)


def test_waiting_for_a_server_is_bounded_unless_the_user_says_otherwise(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in store_module._DEFAULTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "33")
    with open_store(root):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "33"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_trials_of_a_search_are_runs_below_the_training(root: Path) -> None:
    trials = [SearchTrial(0, {"num_leaves": 7}, {"loss": 0.5}), SearchTrial(1, {"num_leaves": 9}, {})]
    done = record(root, replace(training(root, text="t", model="searched"), trials=trials))
    with open_store(root) as store:
        experiment = store.client.get_run(done.run_id).info.experiment_id
        below = store.client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{done.run_id}'")
    assert {run.info.run_name: run.data.metrics.get("loss") for run in below} == {"trial 0": 0.5, "trial 1": None}
    assert {run.data.params["num_leaves"] for run in below} == {"7", "9"}
    assert {run.info.status for run in below} == {"FINISHED"}


def test_importing_is_light() -> None:
    code = "import sys, churnml.tracking; print('mlflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.slow
def test_processes_starting_together_all_succeed(tmp_path: Path) -> None:
    """MLflow alone fails here: two migrations of one empty database."""
    for text in "abcd":
        training(tmp_path, text=text, model="churn")
    code = (
        "import sys; from pathlib import Path; from churnml.tracking import *; root = Path(sys.argv[1]);"
        "made = record(root, RunRecord(model='churn', params={}, metrics={}, tags={},"
        " model_folder=root / f'model_{sys.argv[2]}'));"
        "print(made.version)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), text],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for text in "abcd"
    ]
    finished = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0] * 4, finished
    assert sorted(out.strip() for out, _ in finished) == ["1", "2", "3", "4"]
    assert [err for _, err in finished] == [""] * 4


def test_git_commit(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    assert git_commit(tmp_path) is None
    subprocess.run([*git, "init", "-q"], check=True)
    assert git_commit(tmp_path) is None
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    assert len(git_commit(tmp_path) or "") == 40
