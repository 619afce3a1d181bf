"""FL-15: whatever the tracking server does, a training is not lost, and no half of it can be promoted."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from servers import Answer, dies_within_a_run, drips, fails, free_port, hangs, server

from churnml import tracking
from churnml.config import Tracking
from churnml.errors import EnvironmentFault, ModelError
from churnml.flow.spooled import deliver_all, sync
from churnml.tracking.store import open_store


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no server of the developer, and a failing one only once."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose store is made and empty: that takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with open_store(folder):
            pass
    return folder


@pytest.fixture
def project(store: Path, tmp_path: Path) -> Path:
    shutil.copytree(store, tmp_path / "project")
    return tmp_path / "project"


def training(root: Path, *, model: str = "churn", text: str = "one") -> tracking.RunRecord:
    folder = root / "made" / text
    folder.mkdir(parents=True)
    (folder / "model.txt").write_text(f"tree\n{text}\n")
    (folder / "model.json").write_text("{}\n")
    (root / "roc.csv").write_text("fpr,tpr\n0,0\n1,1\n")
    trials = [tracking.SearchTrial(0, {"num_leaves": 7}, {"loss": 0.5})]
    return tracking.RunRecord(
        model=model,
        params={"train.seed": 1},
        metrics={"roc_auc": 0.875},
        tags={"gate": "passed"},
        model_folder=folder,
        plots=[root / "roc.csv"],
        trials=trials,
    )


def try_in_vain(root: Path, address: str, *, seconds: int = 60) -> str:
    """Keep a training and try to bring it to a server; return the name under which it is kept."""
    entry = tracking.keep(root, training(root), may_lead=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", address)
        assert deliver_all(Tracking(wait_seconds=seconds), root, new=[entry]) == {}
    return entry


def test_fl_15_a_dead_server_costs_no_training(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = try_in_vain(project, f"http://127.0.0.1:{free_port()}")
    assert tracking.pending(project) == [entry]
    assert "1 training is kept in .churnml/spool" in capsys.readouterr().err
    done = deliver_all(Tracking(), project)
    assert tracking.pending(project) == []
    assert tracking.champion_version(project, "churn") == done[entry].version == 1
    with open_store(project) as store:
        run = store.client.get_run(done[entry].run_id)
        assert (run.data.metrics, run.data.params) == ({"roc_auc": 0.875}, {"train.seed": "1"})
        assert [file.path for file in store.client.list_artifacts(done[entry].run_id, "plots")] == ["plots/roc.csv"]
        assert len(store.client.search_runs([run.info.experiment_id])) == 2


@pytest.mark.parametrize("answer", [fails, dies_within_a_run], ids=["500s", "mid-run"])
def test_fl_15_a_server_that_fails_costs_no_training(tmp_path: Path, answer: Answer) -> None:
    with server(answer) as address:
        entry = try_in_vain(tmp_path, address)
    assert tracking.pending(tmp_path) == [entry]


@pytest.mark.parametrize("answer", [hangs, pytest.param(drips, marks=pytest.mark.slow)], ids=["hanging", "dripping"])
def test_fl_15_a_server_that_keeps_one_waiting_is_given_up(tmp_path: Path, answer: Answer) -> None:
    with server(answer) as address:
        entry = try_in_vain(tmp_path, address, seconds=5)
    assert tracking.pending(tmp_path) == [entry]


def test_fl_15_or_exit_code_7_by_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = tracking.keep(tmp_path, training(tmp_path), may_lead=True)
    new = tracking.keep(tmp_path, training(tmp_path, text="two"), may_lead=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(EnvironmentFault, match="MLFLOW_TRACKING_URI") as caught:
        deliver_all(Tracking(when_unreachable="fail"), tmp_path, new=[new])
    assert caught.value.exit_code == 7
    assert tracking.pending(tmp_path) == [older]


def test_a_server_that_failed_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [tracking.keep(tmp_path, training(tmp_path, text=text), may_lead=True) for text in ("one", "two")]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    deliver_all(Tracking(), tmp_path)
    asked: list[object] = []
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: asked.append(1))
    with pytest.raises(EnvironmentFault, match="tracking store cannot be used"):
        tracking.champion_version(tmp_path, "churn")
    assert tracking.pending(tmp_path) == entries
    assert asked == []


def test_kept_trainings_are_private(tmp_path: Path) -> None:
    entry = tracking.keep(tmp_path, training(tmp_path), may_lead=True)
    found = sorted((tmp_path / tracking.SPOOL / entry).rglob("*"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (*found, tmp_path / tracking.SPOOL)}
    folders = {path.name for path in found if path.is_dir()} | {"spool"}
    assert modes == {name: 0o700 if name in folders else 0o600 for name in modes}


@pytest.mark.parametrize("place", ["record.json", "model/model.txt", "plots/roc.csv"])
def test_what_was_changed_while_it_was_kept_is_not_recorded(tmp_path: Path, place: str) -> None:
    entry = tracking.keep(tmp_path, training(tmp_path), may_lead=True)
    path = tmp_path / tracking.SPOOL / entry / place
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="not what was written"):
        sync(tmp_path, wait_seconds=5)
    assert tracking.pending(tmp_path) == [entry]
    assert not (tmp_path / "mlflow.db").exists()


def test_a_training_recorded_before_its_process_ended_is_not_recorded_twice(project: Path) -> None:
    entry = tracking.keep(project, training(project), may_lead=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("churnml.tracking.spool.remove", lambda *_: None)
        first = tracking.deliver(project, entry)
    assert tracking.deliver(project, entry) == first
    assert tracking.pending(project) == []


def test_only_what_was_promoted_becomes_the_first_champion_of_a_new_store(project: Path) -> None:
    entry = tracking.keep(project, training(project), may_lead=True, trusted="0" * 64)
    version = tracking.deliver(project, entry).version
    assert tracking.champion_version(project, "churn") is None
    assert tracking.tags_of(project, "churn", alias="challenger")[0] == version
