from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from small_company import PROJECT, write_params

from churnml.errors import ConfigError, DataError, EnvironmentFault
from churnml.workspace import make_workspace, require_folder


def example(folder: Path) -> tuple[Path, Path]:
    """Return the folder of an example and the folder of its data."""
    write_params(folder / "example")
    (folder / "files").mkdir()
    (folder / "files" / "orders.csv").write_text("id\n")
    (folder / "files" / "notes.txt").write_text("no table")
    return folder / "example", folder / "files"


def test_a_workspace_holds_pipeline_parameters_and_data(tmp_path: Path) -> None:
    ready, files = example(tmp_path)
    make_workspace(ready, files, tmp_path / "made", project=PROJECT)
    assert sorted(os.listdir(tmp_path / "made")) == ["data", "dvc.yaml", "params.yaml", "pipelines", "src"]
    assert os.listdir(tmp_path / "made" / "data" / "raw") == ["orders.csv"]
    assert not list((tmp_path / "made").rglob("__pycache__"))


def test_a_workspace_has_the_files_of_own_features(tmp_path: Path) -> None:
    ready, files = example(tmp_path)
    (ready / "features").mkdir()
    (ready / "features" / "own.py").write_text("1")
    for _ in range(2):
        make_workspace(ready, files, tmp_path / "made", project=PROJECT)
    assert (tmp_path / "made" / "features" / "own.py").read_text() == "1"


def test_a_workspace_is_brought_up_to_date(tmp_path: Path) -> None:
    ready, files = example(tmp_path)
    make_workspace(ready, files, tmp_path / "made", project=PROJECT)
    (tmp_path / "made" / "models").mkdir()
    (tmp_path / "made" / "pipelines" / "old.py").write_text("")
    (files / "orders.csv").write_text("id,x\n")
    make_workspace(ready, files, tmp_path / "made", project=PROJECT)
    assert not (tmp_path / "made" / "pipelines" / "old.py").exists()
    assert (tmp_path / "made" / "models").exists()
    assert (tmp_path / "made" / "data" / "raw" / "orders.csv").read_text() == "id,x\n"


def test_a_workspace_can_be_made_from_its_own_data(tmp_path: Path) -> None:
    ready, files = example(tmp_path)
    made = tmp_path / "made"
    make_workspace(ready, files, made, project=PROJECT)
    make_workspace(ready, made / "data" / "raw", made, project=PROJECT)
    assert (made / "data" / "raw" / "orders.csv").read_text() == "id\n"


@pytest.mark.parametrize("missing", ["example/params.yaml", "files/orders.csv"])
def test_a_workspace_needs_parameters_and_data(missing: str, tmp_path: Path) -> None:
    ready, files = example(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ConfigError, match=r"(params\.yaml|files): not found.*Name a folder of examples/"):
        make_workspace(ready, files, tmp_path / "made", project=PROJECT)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("place", ["project", "project/src", "project/src/x", "clone", "home"])
def test_a_workspace_replaces_nothing_of_somebody_else(place: str, tmp_path: Path) -> None:
    ready, files = example(tmp_path)
    for kept in ("project/src/own", "project/pipelines/own", "project/dvc.yaml", "clone/dvc.yaml", "home/src/own"):
        (tmp_path / kept).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / kept).write_text("own")
    (tmp_path / "clone" / ".git").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="the folder holds other things"):
        make_workspace(ready, files, tmp_path / place, project=tmp_path / "project")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_workspace_that_cannot_be_written_is_an_environment_fault(tmp_path: Path) -> None:
    ready, files = example(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="made: cannot be written"):
        make_workspace(ready, files, tmp_path / "file" / "made", project=PROJECT)


@pytest.mark.parametrize(("folder", "is_there"), [("data/simulated", False), ("data/raw", True)])
def test_a_folder_that_a_stage_makes_or_that_is_there_is_enough(folder: str, is_there: bool, tmp_path: Path) -> None:
    shutil.copy(PROJECT / "dvc.yaml", tmp_path)
    if is_there:
        (tmp_path / folder).mkdir(parents=True)
    assert require_folder(tmp_path, folder) is None


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "dvc.yaml", tmp_path)
    with pytest.raises(DataError, match=r"params.yaml: histories.folder: folder not found"):
        require_folder(tmp_path, "data/raw")
