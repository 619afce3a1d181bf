"""A project folder with a small simulated company, and the stages of the pipeline run in it without DVC."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from churnml.estimators.churn import ChurnClassifier
from churnml.stage import ends_well
from churnml.storage import digest_file

PROJECT = Path(__file__).parents[1]
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
TO_LISTS = [name for name in STAGES if name not in {"simulate", "fetch", "evaluate"}]
"""From raw files to lists; ``evaluate`` is left out for the seconds that MLflow takes."""
SMALL = {
    "histories": {"tables": {"visits": None, "answers": None, "contacts": None}},
    "treatments": None,
    "churn": {"horizon_days": 30, "active_within_days": 90},
    "snapshots": {"count": 4},
    "features": {"windows_days": [30, 90]},
    "campaign": {"capacity": 30, "playbook": None, "cap": None, "pause_days": None},
    "response": {"playbook": None},
    "simulate": {"customers": 320, "months": 20},
}


@cache
def stage(name: str) -> Callable[[Sequence[str] | None], int]:
    """Return the ``main`` of a stage's script."""
    spec = importlib.util.spec_from_file_location(f"pipelines_{name}", PROJECT / "pipelines" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def arguments(name: str) -> list[str]:
    """Return what ``dvc.yaml`` gives the script of a stage on its command line."""
    return STAGES[name]["cmd"].split()[2:]


def options(name: str) -> dict[str, str]:
    """Return option -> path of a stage's command line."""
    words = arguments(name)
    return dict(zip(words[::2], words[1::2], strict=True))


def run(folder: Path, *names: str) -> int:
    """Run stages one after the other in a project folder; return the first exit code that is not 0."""
    with contextlib.chdir(folder):
        for name in names:
            code = ends_well(lambda name=name: stage(name)(arguments(name)))
            if code:
                return code
    return 0


@contextlib.contextmanager
def few_trees(n_rounds: int = 40) -> Iterator[None]:
    """Train with so few rounds at most, where it does not matter how good a churn model is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ChurnClassifier.__init__.__kwdefaults__, "max_rounds", n_rounds)
        yield


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested mapping with some values replaced; None takes a key out."""
    both = dict(base)
    for key, value in changes.items():
        if value is None:
            both.pop(key, None)
        else:
            both[key] = merged(both.get(key, {}), value) if isinstance(value, Mapping) else value
    return both


def small_params(*changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the project's own ``params.yaml``, made small and changed."""
    params = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    for change in (SMALL, *changes):
        params = merged(params, change)
    return params


def write_params(folder: Path, *changes: Mapping[str, Any]) -> None:
    """Write the ``params.yaml`` of a project folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(small_params(*changes), sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def another(folder: Path, golden: Path, *changes: Mapping[str, Any]) -> Path:
    """Make a second project folder with the raw files of the first."""
    write_params(folder, *changes)
    shutil.copytree(golden / "data" / "simulated", folder / "data" / "simulated")
    return folder


def results(folder: Path) -> dict[str, str]:
    """Return the digest of every file a team or a later run works with: scores, models, lists."""
    places = ("data/scored", "models", "data/lists")
    files = [path for place in places for path in (folder / place).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in sorted(files)}
