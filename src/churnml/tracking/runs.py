"""One training, recorded whole: parameters, metrics, plots, model files, and its version in the registry."""

from __future__ import annotations

import math
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from churnml.errors import EnvironmentFault, ModelError
from churnml.tracking.files import digest_tags, require_plain_files
from churnml.tracking.registry import EXISTS, require_model_name, version_of
from churnml.tracking.store import Store, has_store, open_store

__all__ = ["Recorded", "RunRecord", "SearchTrial", "check_record", "git_commit", "record", "recorded_before"]

_PLOT_SUFFIXES = {".csv", ".html", ".json", ".png", ".svg"}
_BATCH = 100
"""Most parameters MLflow takes at once."""
_ENTRY_TAG = "spool"
"""Tag of the run that tells which kept training it was."""


@dataclass(frozen=True, slots=True)
class SearchTrial:
    """One trial of a search: its parameters, and its metrics; none where it was given up early."""

    number: int
    params: Mapping[str, str | float | int]
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What is kept of a training.

    Parameters
    ----------
    model : str
        Name in the registry: ``churn`` or ``clv``.
    params : mapping of str to str, float or int
    metrics : mapping of str to float
        Finite numbers.
    tags : mapping of str to str
        Git commit, data digests: what a reader needs to make it again.
    model_folder : Path
        Holds `MODEL_FILES` and nothing else.
    plots : sequence of Path
        CSV, JSON, SVG, PNG or HTML files without personal data.
    trials : sequence of SearchTrial
        Of a search for parameters; each becomes a nested run.
    """

    model: str
    params: Mapping[str, str | float | int]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    model_folder: Path
    plots: Sequence[Path] = field(default_factory=list)
    trials: Sequence[SearchTrial] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a training can be found again.

    Parameters
    ----------
    run_id : str
    version : int
        In the registry; that of the earlier training where the very same model was there already.
    """

    run_id: str
    version: int


def record(root: Path, record: RunRecord) -> Recorded:
    """Record a training as a run and its model as a version.

    Each call makes a run. A model whose files are those of a version already registered makes no new version: a
    rerun with the same input gives the same bytes, and its version is the one that was checked and promoted.

    Parameters
    ----------
    root : Path
        The project's folder.
    record : RunRecord

    Raises
    ------
    ModelError
        If the model folder holds anything but plain files, a plot has another format, or a metric is not finite.
    EnvironmentFault
        If the store cannot be reached or written; a run begun is marked as failed, or swept up by the next call.
    """
    digests = require_plain_files(record.model_folder)
    check_record(record)
    with open_store(root) as store:
        experiment_id = _experiment(store, record.model)
        _sweep(store, experiment_id)
        with _running(store, experiment_id, record) as run_id:
            _log(store, run_id, record)
            _nest(store, experiment_id, run_id, record)
            about = {key: value for key, value in record.tags.items() if key != _ENTRY_TAG}
            version = version_of(store, record.model, run_id=run_id, tags=digest_tags(digests) | about)
            store.client.set_tag(run_id, "model_version", str(version))
        return Recorded(run_id, version)


def recorded_before(root: Path, model: str, entry_id: str) -> Recorded | None:
    """Return where a kept training was recorded whole, though its process ended before it could say so; else None.

    Parameters
    ----------
    root : Path
    model : str
    entry_id : str
        The run's tag ``spool``.
    """
    if not has_store(root):
        return None
    with open_store(root) as store:
        experiment = store.client.get_experiment_by_name(f"churnml/{model}")
        if experiment is None:
            return None
        asked = f"tags.{_ENTRY_TAG} = '{entry_id}' AND attributes.status = 'FINISHED'"
        for run in store.client.search_runs([experiment.experiment_id], asked, max_results=1):
            return Recorded(str(run.info.run_id), int(run.data.tags["model_version"]))
    return None


def check_record(record: RunRecord) -> None:
    """Refuse what may not be recorded.

    Raises
    ------
    ModelError
        If the model's name is none, a plot has another format, or a metric is not finite.
    """
    require_model_name(record.model)
    for plot in record.plots:
        if plot.suffix not in _PLOT_SUFFIXES or not plot.is_file():
            raise ModelError("not a plot file that may be recorded", rule="model.plot_format", file=plot.name)
    for name, value in record.metrics.items():
        if not math.isfinite(value):
            raise ModelError("a metric is not a finite number", rule="model.metric", column=name)


def _experiment(store: Store, model: str) -> str:
    name = f"churnml/{model}"
    from mlflow.exceptions import MlflowException

    with store.alone():
        found = store.client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None if store.is_served else store.artifacts.as_uri()
        try:
            return str(store.client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            # Of a server another project may have made it meanwhile.
            found = store.client.get_experiment_by_name(name) if error.error_code == EXISTS else None
            if found is None:
                raise
            return str(found.experiment_id)


def _log(store: Store, run_id: str, record: RunRecord) -> None:
    from mlflow.entities import Metric, Param

    # The run's own start is the time of all its metrics: no clock of ours is read.
    begun = int(store.client.get_run(run_id).info.start_time)
    params = [Param(name, str(value)) for name, value in sorted(record.params.items())]
    metrics = [Metric(name, float(value), begun, 0) for name, value in sorted(record.metrics.items())]
    for at in range(0, max(len(params), len(metrics)), _BATCH):
        batch = slice(at, at + _BATCH)
        store.client.log_batch(run_id, metrics=metrics[batch], params=params[batch])
    for plot in record.plots:
        store.client.log_artifact(run_id, str(plot), "plots")
    for path in sorted(record.model_folder.iterdir()):
        store.client.log_artifact(run_id, str(path), "model")


def _nest(store: Store, experiment_id: str, run_id: str, record: RunRecord) -> None:
    """Record each trial as a run below the training's."""
    from mlflow.entities import Metric, Param

    for trial in record.trials:
        ended = "complete" if trial.metrics else "given up early"
        tags = {"mlflow.parentRunId": run_id, "trial": ended} | _process_tags()
        run = store.client.create_run(experiment_id, tags=tags, run_name=f"trial {trial.number}")
        begun = int(run.info.start_time)
        params = [Param(name, str(value)) for name, value in sorted(trial.params.items())]
        metrics = [Metric(name, float(value), begun, 0) for name, value in sorted(trial.metrics.items())]
        store.client.log_batch(run.info.run_id, metrics=metrics, params=params)
        store.client.set_terminated(run.info.run_id, "FINISHED")


@contextmanager
def _running(store: Store, experiment_id: str, record: RunRecord) -> Iterator[str]:
    """Open a run and close it with how it ended."""
    from mlflow.exceptions import MlflowException

    tags = dict(record.tags) | _process_tags()
    run = store.client.create_run(experiment_id, tags=tags, run_name=record.model)
    run_id = str(run.info.run_id)
    try:
        yield run_id
        store.client.set_terminated(run_id, "FINISHED")
    except BaseException as error:
        # A server that has just failed to answer is not asked again: the next call sweeps up.
        if not (store.is_served and isinstance(error, MlflowException | OSError)):
            with suppress(MlflowException, OSError, EnvironmentFault):
                store.client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise


def _process_tags() -> dict[str, str]:
    pid = os.getpid()
    return {"process.host": socket.gethostname(), "process.pid": str(pid), "process.started": _started(pid) or ""}


def _started(pid: int) -> str | None:
    """Return when a process of this machine began, in the kernel's ticks, or None where there is no such process.

    A process number alone is used again by others.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _sweep(store: Store, experiment_id: str) -> None:
    """Mark runs as killed that are still called running though their process on this machine is gone."""
    for run in store.client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=1000):
        tags = run.data.tags
        pid = tags.get("process.pid", "")
        if tags.get("process.host") != socket.gethostname() or not pid.isdigit():
            continue
        if _started(int(pid)) != tags.get("process.started"):
            store.client.set_terminated(run.info.run_id, "KILLED")


def git_commit(root: Path) -> str | None:
    """Return the commit checked out in a folder, or None where there is none or no Git."""
    try:
        run = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--verify", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    commit = run.stdout.strip()
    return commit if run.returncode == 0 and re.fullmatch(r"[0-9a-f]{40,64}", commit) else None
