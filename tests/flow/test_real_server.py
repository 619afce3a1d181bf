"""A real ``mlflow server`` on the loopback interface: training, promotion and scoring through it, and its death."""

from __future__ import annotations

import contextlib
import http.client
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Wire, free_port, real_server
from small_company import few_trees, results, run, write_params

from churnml import tracking
from churnml.config import Tracking, load_params
from churnml.errors import EnvironmentFault, ModelError
from churnml.flow.fresh import score_as_of
from churnml.flow.promote import promote
from churnml.flow.promotions import promotions
from churnml.flow.spooled import deliver_all, sync
from churnml.storage import digest_file

pytestmark = pytest.mark.slow
AT = "2024-07-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_server(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


def reports(folder: Path) -> dict[str, str]:
    found = (path for path in (folder / "reports").rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in sorted(found)}


def test_training_promotion_and_scoring_through_a_server(
    address: str, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(golden, folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    assert run(folder, "evaluate") == 0
    without = reports(folder) | results(folder)
    assert len(tracking.pending(folder)) == 2
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert sync(folder, wait_seconds=300) == (2, 0)
    assert run(folder, "evaluate") == 0
    assert reports(folder) | results(folder) == without
    assert not (folder / "mlflow.db").exists()
    assert tracking.champion_version(folder, "churn") == 1

    write_params(folder, {"train": {"seed": 5}}, {"tracking": {"wait_seconds": 600}})
    with few_trees():
        assert run(folder, "configure", "train_churn", "evaluate") == 0
    assert tracking.tags_of(folder, "churn", alias="challenger")[0] == 2
    done = promote(folder / "params.yaml", "churn", version=None, force=True, why="It is newer.", at=AT)
    assert (done["before"], done["version"]) == (1, 2)
    assert promotions(folder) == [done]
    out = folder / "data" / "scored" / "fresh.parquet"
    made = score_as_of(load_params(folder / "params.yaml"), root=folder, reference="models:/churn@champion", out=out)
    assert str(made["model_version"]).startswith(f"churn-{done['digest'][:12]}")
    tracking.set_alias(folder, "churn", "champion", 1)
    with pytest.raises(ModelError, match="is not the one that was promoted"):
        score_as_of(load_params(folder / "params.yaml"), root=folder, reference="models:/churn@champion", out=out)


@pytest.mark.parametrize("after", [2, 5, 8, 11, 14, 17])
def test_fl_15_no_half_of_a_model_is_in_the_registry_wherever_the_wire_is_cut(
    address: str, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    model, root = f"cut_{after}", tmp_path
    training = tracking.RunRecord(
        model=model,
        params={"a": 1},
        metrics={"auc": 0.5},
        tags={"gate": "passed"},
        model_folder=golden / "models/churn",
    )
    entry = tracking.keep(root, training, may_lead=True)
    wire = Wire(address, after=after)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", wire.address)
    done = deliver_all(Tracking(), root, new=[entry])
    wire.close()
    assert (entry in done) == (tracking.pending(root) == [])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    tracking.allow(120)
    try:
        tracking.fetch(root, f"models:/{model}/1", tmp_path / "half")
    except ModelError as error:
        assert error.rule == "model.not_registered"  # noqa: PT017 - the other end, a whole model, is right as well
    sync(root, wait_seconds=120)
    assert tracking.champion_version(root, model) == 1
    whole = tracking.fetch(root, f"models:/{model}@champion", tmp_path / "whole")
    assert tracking.model_digest(whole) == tracking.model_digest(golden / "models" / "churn")


def test_a_command_that_needs_an_answer_ends_with_7(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    tracking.allow(60)
    with pytest.raises(EnvironmentFault, match="MLFLOW_TRACKING_URI") as caught:
        tracking.fetch(tmp_path, "models:/churn@champion", tmp_path / "fetched")
    assert caught.value.exit_code == 7


def asked(address: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    host, port = address.removeprefix("http://").split(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:
        connection.request("GET", path, headers=headers or {})
        with connection.getresponse() as answer:
            return answer.status, answer.read()


@pytest.mark.parametrize("path", ["../../server.db", "..%2f..%2fserver.db", "%2e%2e/%2e%2e/server.db", "/etc/passwd"])
def test_s15_the_server_of_the_docs_hands_out_nothing_beside_its_artefacts(address: str, path: str) -> None:
    status, body = asked(address, f"/api/2.0/mlflow-artifacts/artifacts/{path}")
    assert status >= 400
    assert b"SQLite format" not in body


def test_s15_the_server_of_the_docs_answers_no_foreign_host(address: str) -> None:
    path = "/api/2.0/mlflow/experiments/search?max_results=1"
    assert asked(address, path, {"Host": "evil.example"})[0] == 403
    assert asked(address, path)[0] == 200
