"""Trials of a search, and the file that keeps the finished ones: private, and no part of any result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.storage import write_json

__all__ = ["Trial", "TrialLedger", "digest_of"]

_PACKAGES = ("lightgbm", "numpy", "optuna")


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of parameters, tried.

    Parameters
    ----------
    number : int
        0 is the default.
    parameters : dict
        LightGBM parameters.
    loss : float or None
        Mean loss of the held-out rows; None where the trial was given up early.
    gain, error : float
        By how much the mean loss is less than that of the default, and the standard error of this difference.
    n_rounds : int
        Number of trees at that loss.
    steps : tuple of (int, float)
        Loss on the way.
    """

    number: int
    parameters: dict[str, float | int]
    loss: float | None
    gain: float = 0.0
    error: float = 0.0
    n_rounds: int = 0
    steps: tuple[tuple[int, float], ...] = ()


@dataclass
class TrialLedger:
    """Finished trials of one search on one set of rows.

    Parameters
    ----------
    path : Path or None
        None: they are not kept.
    """

    path: Path | None
    trials: dict[int, Trial] = field(init=False)

    def __post_init__(self) -> None:
        self.trials = {} if self.path is None else _read(self.path)

    def find(self, number: int, parameters: Mapping[str, float | int]) -> Trial | None:
        """Return a finished trial, if it was of the very same parameters."""
        trial = self.trials.get(number)
        return trial if trial is not None and trial.parameters == dict(parameters) else None

    def keep(self, trial: Trial) -> None:
        """Write a finished trial beside the others.

        Raises
        ------
        EnvironmentFault
            If the folder cannot be written.
        """
        self.trials[trial.number] = trial
        if self.path is not None:
            write_json({"trials": [asdict(self.trials[number]) for number in sorted(self.trials)]}, self.path)


def digest_of(arrays: Mapping[str, npt.NDArray[Any] | None], settings: Mapping[str, Any]) -> str:
    """Return a SHA-256 of everything a trial's result depends on: data, settings, versions of the packages.

    Parameters
    ----------
    arrays : mapping of str to ndarray or None
    settings : mapping
        JSON-ready.
    """
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        kind = "none" if array is None else f"{array.dtype} {array.shape}"
        found.update(f"{name} {kind}\n".encode())
        if array is not None and array.size:
            found.update(np.ascontiguousarray(array).data.cast("B"))
    facts = {"settings": dict(settings), "versions": {name: version(name) for name in _PACKAGES}}
    found.update(json.dumps(facts, sort_keys=True).encode())
    return found.hexdigest()


def _read(path: Path) -> dict[int, Trial]:
    """Return what was kept; nothing where there was no search, or the file cannot be read."""
    try:
        kept = [_trial(entry) for entry in json.loads(path.read_bytes())["trials"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {trial.number: trial for trial in kept}


def _trial(entry: Mapping[str, Any]) -> Trial:
    loss = entry["loss"]
    return Trial(
        int(entry["number"]),
        dict(entry["parameters"]),
        None if loss is None else float(loss),
        float(entry["gain"]),
        float(entry["error"]),
        int(entry["n_rounds"]),
        tuple((int(at), float(value)) for at, value in entry["steps"]),
    )
