"""A project folder: the pipeline's files in it, and one run of DVC over them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml

from churnml.dvc_run import Change, bring_up_to_date
from churnml.errors import ConfigError, DataError, did_you_mean
from churnml.private_folders import make_private
from churnml.storage import as_fault

__all__ = [
    "TARGETS",
    "home_of_pipeline",
    "make_workspace",
    "refuse_others",
    "require_folder",
    "run_pipeline",
    "start_workspace",
]

TARGETS = ("evaluate", "causes", "impact", "warning", "campaign", "relationship", "monitor")
"""The last stages: everything they need runs before them, and the simulated company only where it is read."""

OWN_FEATURES = "features"
"""Folder of an example with the files of its own features."""

_CARRIED = "project"
"""Folder of the installed package with the files of the pipeline."""
_PARTS = ("dvc.yaml", "pipelines", "src")
_NOT_FOR_GIT = """\
# Data of customers, and what a run makes of them; `dvc add data/raw` may leave its pointer here.
/data/*
!/data/*.dvc
!/data/.gitignore
/models/*
!/models/promotions.jsonl
/reports/
/mlartifacts/
/mlflow.db*
/.churnml/
__pycache__/
"""
_IGNORED = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")


def require_folder(root: Path, folder: str) -> None:
    """Refuse a folder of raw files that is not there and that no stage makes; DVC would only say "missing data".

    Raises
    ------
    DataError
        If the folder is absent.
    """
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    made = {str(out) for stage in stages for out in stage.get("outs", [])}
    if folder not in made and not (root / folder).is_dir():
        raise DataError(
            "folder not found",
            rule="data.folder_missing",
            file="params.yaml",
            column="histories.folder",
            next_step="Put the files there, or correct the name.",
        )


def run_pipeline(
    root: Path, *, targets: Sequence[str] = TARGETS, error_file: Path, change: Change | None = None
) -> int:
    """Bring the outputs of a project up to date.

    Parameters
    ----------
    root : Path
        Folder with ``dvc.yaml`` and ``params.yaml``.
    targets : sequence of str
        Stages.
    error_file : Path
        Where a failing stage leaves its facts, relative to ``root``.
    change : Change, optional
        See :func:`churnml.dvc_run.bring_up_to_date`.

    Returns
    -------
    int
        0, or the exit code of the stage that failed; DVC itself knows only 255.

    Raises
    ------
    ConfigError
        If the folder holds no pipeline, or the pipeline no such stage.
    DataError
        If an object that DVC might use is damaged; it has been set aside.
    EnvironmentFault
        If another run of the project is at work, or a stage was killed.
    """
    if not (root / "dvc.yaml").exists():
        raise ConfigError(
            "no pipeline in this folder",
            rule="config.no_pipeline",
            file="dvc.yaml",
            next_step="Make the folder ready with: churnml init FILES, or go to the project.",
        )
    _check_targets(root, targets)
    return bring_up_to_date(root, targets, error_file=error_file, change=change)


def _check_targets(root: Path, targets: Sequence[str]) -> None:
    stages = list(yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    unknown = [name for name in targets if name not in stages]
    if unknown:
        raise ConfigError(
            "no such stage",
            rule="config.stage",
            file="dvc.yaml",
            column=unknown[0],
            next_step=did_you_mean(unknown[0], stages) or f"Stages: {', '.join(stages)}.",
        )


def make_workspace(example: Path, data: Path, workspace: Path, *, project: Path) -> None:
    """Make a project folder of its own from a ready configuration and a folder of data files.

    Parameters
    ----------
    example : Path
        Folder with ``params.yaml``, and ``features`` where it has features of its own.
    data : Path
        Folder whose ``.parquet`` and ``.csv`` files become ``data/raw`` of the workspace.
    workspace : Path
        Made or brought up to date; what earlier runs left there stays.
    project : Path
        Folder with the pipeline.

    Raises
    ------
    ConfigError
        If the example has no ``params.yaml``, the data folder no such file, or the workspace holds something else.
    EnvironmentFault
        If the workspace cannot be written.
    """
    files = sorted(path for path in data.glob("*") if path.suffix in {".parquet", ".csv"})
    for missing, path in ((not (example / "params.yaml").is_file(), example / "params.yaml"), (not files, data)):
        if missing:
            raise ConfigError(
                "not found, or without .parquet and .csv files" if path == data else "not found",
                rule="config.file_missing",
                file=path.name,
                next_step="Name a folder of examples/, and with --data the folder of its files.",
            )
    _refuse_foreign(workspace, project)
    with as_fault(workspace):
        raw = workspace / "data" / "raw"
        make_private(raw)
        for path in files:
            if path.resolve() != (raw / path.name).resolve():
                shutil.copyfile(path, raw / path.name)
        shutil.copyfile(example / "params.yaml", workspace / "params.yaml")
        if (example / OWN_FEATURES).is_dir():
            shutil.copytree(example / OWN_FEATURES, workspace / OWN_FEATURES, ignore=_IGNORED, dirs_exist_ok=True)
        _copy_parts(workspace, project)


def _copy_parts(workspace: Path, project: Path) -> None:
    for part in _PARTS:
        target, source = workspace / part, project / part
        if part == "src" and not source.exists():
            # Installed as a package, the code lies beside the pipeline's files and not in a folder of sources.
            source, target = Path(__file__).parent, workspace / "src" / "churnml"
        if target.is_dir():
            shutil.rmtree(target)
        if source.is_dir():
            # The pipeline's files that a package carries are no second pipeline of the folder.
            ignored = _IGNORED if source.name != "churnml" else shutil.ignore_patterns("__pycache__", _CARRIED)
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copyfile(source, target)


def home_of_pipeline() -> Path:
    """Return the folder with ``dvc.yaml`` and ``pipelines``: the repository, or what the package was installed with."""
    repository = Path(__file__).resolve().parents[2]
    return repository if (repository / "dvc.yaml").is_file() else Path(__file__).resolve().parent / _CARRIED


def refuse_others(root: Path) -> None:
    """Refuse a folder in which something of somebody else has the name of a part of the pipeline.

    Raises
    ------
    ConfigError
        Naming it.
    """
    if root.resolve() == home_of_pipeline():
        return
    is_ours = (root / "pipelines" / "configure.py").is_file() and (root / "src" / "churnml").is_dir()
    taken = [part for part in _PARTS if (root / part).exists()]
    if taken and not is_ours:
        raise ConfigError(
            "is in the way of the pipeline's own",
            rule="config.folder_in_use",
            file=taken[0],
            next_step="Work in an empty folder: churnml init FILES --workspace FOLDER.",
        )


def start_workspace(root: Path) -> None:
    """Put the pipeline into a folder; the repository itself has it already.

    Raises
    ------
    ConfigError
        If something of somebody else is in the way.
    EnvironmentFault
        If the folder cannot be written.
    """
    refuse_others(root)
    home = home_of_pipeline()
    if root.resolve() == home:
        return
    with as_fault(root):
        root.mkdir(parents=True, exist_ok=True)
        _copy_parts(root, home)
        if not (root / ".gitignore").exists():
            (root / ".gitignore").write_text(_NOT_FOR_GIT, encoding="utf-8")


def _refuse_foreign(workspace: Path, project: Path) -> None:
    """Refuse a folder in which something of somebody else would be replaced: the project itself, or a clone."""
    inside_parts = any(workspace.resolve().is_relative_to((project / part).resolve()) for part in _PARTS)
    is_ours = (workspace / "dvc.yaml").is_file() and not (workspace / ".git").exists()
    is_new = not workspace.exists() or (workspace.is_dir() and not any(workspace.iterdir()))
    if workspace.resolve() == project.resolve() or inside_parts or not (is_ours or is_new):
        raise ConfigError(
            "the folder holds other things, and they would be replaced",
            rule="config.folder_in_use",
            file=workspace.name,
            next_step="With --workspace, name a new folder or the workspace of an earlier run.",
        )
