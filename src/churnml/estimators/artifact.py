"""Model folders: LightGBM's text, a JSON beside it, cards; no pickle, digests checked before anything is parsed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb

from churnml.errors import ModelError
from churnml.estimators.boosting import MAIN, booster_text
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.clv import ValueRegressor
from churnml.estimators.matrix import FeatureSpec
from churnml.estimators.record import ModelRecord, parse_record
from churnml.storage import digest_bytes, new_folder

__all__ = ["LoadedModel", "load", "save", "text_name"]

TEXT, RECORD = "model.txt", "model.json"
_TRIAL = """
import resource, sys
limits = {"AS": int(sys.argv[1]), "CPU": int(sys.argv[2]), "CORE": 0, "FSIZE": 0}
for name, wanted in limits.items():
    kind = getattr(resource, f"RLIMIT_{name}")
    (hard,) = resource.getrlimit(kind)[1:]
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (limit, limit))
import lightgbm
booster = lightgbm.Booster(model_str=sys.stdin.buffer.read().decode())
booster.predict([[0.0] * booster.num_feature(), [float("nan")] * booster.num_feature()], num_threads=1)
"""
"""A damaged text can kill or hang the process that parses it, or one that walks its trees; so a child goes first.

It may take so much memory and processor time, write no file and leave no image of its memory behind.
"""
_TRIAL_BYTES, _TRIAL_BYTES_A_BYTE = 4 << 30, 64
"""Address space of the child: what importing LightGBM takes, several times, and so much for each byte of the text."""
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class LoadedModel:
    """A model as it came from its folder.

    Parameters
    ----------
    model : ChurnClassifier or ValueRegressor
        Ready to predict.
    spec : FeatureSpec
        Its features by name.
    meta : mapping
        What was recorded with it: data window, digests, metrics.
    digest : str
        SHA-256 of ``model.json``, which holds that of ``model.txt``: the model's identity.
    """

    model: ChurnClassifier | ValueRegressor
    spec: FeatureSpec
    meta: Mapping[str, Any]
    digest: str


def save(
    model: ChurnClassifier | ValueRegressor,
    spec: FeatureSpec,
    folder: Path,
    *,
    meta: Mapping[str, Any] | None = None,
    cards: Callable[[Mapping[str, Any], str], Mapping[str, bytes]] | None = None,
) -> str:
    """Write a fitted model as ``model.txt`` and ``model.json`` with its cards, all or none.

    Parameters
    ----------
    model : ChurnClassifier or ValueRegressor
        Fitted.
    spec : FeatureSpec
        Its features.
    folder : Path
        Final folder; an older model there is replaced.
    meta : mapping, optional
        JSON-ready facts to record. No time of day: the same training gives the same bytes.
    cards : callable, optional
        Gives files for people, by name, from the parts of ``model.json`` and its digest.

    Returns
    -------
    str
        The digest of ``model.json``.
    """
    texts = {text_name(part): booster_text(booster).encode() for part, booster in model.boosters().items()}
    facts: dict[str, Any] = {
        "format": 2,
        "kind": "churn" if isinstance(model, ChurnClassifier) else "clv",
        "features": list(spec.names),
        "levels": {name: list(levels) for name, levels in spec.levels.items()},
        "dropped": dict(spec.dropped),
        "state": model.state(),
        "settings": {key: value for key, value in model.settings_.items() if key != "num_threads"},
        "n_rounds": model.n_rounds_,
        "texts": {name: digest_bytes(text) for name, text in texts.items()},
        "meta": dict(meta or {}),
    }
    record = ModelRecord.sealed(facts)
    with new_folder(folder) as temp:
        for name, text in texts.items():
            (temp / name).write_bytes(text)
        (temp / RECORD).write_bytes(record)
        for name, content in (cards(facts, digest_bytes(record)) if cards else {}).items():
            (temp / name).write_bytes(content)
    return digest_bytes(record)


def load(
    folder: Path, *, digest: str | None = None, trusted: bool = False, threads: int = 1, timeout_seconds: float = 60.0
) -> LoadedModel:
    """Read a model folder; nothing is parsed before its digest is checked.

    Parameters
    ----------
    folder : Path
        Holds ``model.txt`` and ``model.json``.
    digest : str, optional
        Expected digest of ``model.json``, kept elsewhere (registry, Git): tells a replaced model from the right one.
    trusted : bool
        Leave out the trial in a child process; for a folder this run has written itself.
    threads : int
        Threads for prediction.
    timeout_seconds : float
        Longest trial.

    Raises
    ------
    ModelError
        If a file is absent, altered, in another format, or its trees do not survive the trial.
    """
    raw = _read(folder, RECORD)
    if digest is not None and digest_bytes(raw) != digest:
        raise _refusal("not the expected model: digests differ", rule="model.digest", file=RECORD)
    record = parse_record(raw)
    boosters = {
        _part_of(name): _booster(folder, name, record, trusted=trusted, timeout_seconds=timeout_seconds)
        for name in record.texts
    }
    kind = ChurnClassifier if record.kind == "churn" else ValueRegressor
    model: ChurnClassifier | ValueRegressor = kind.from_state(boosters, record.state, threads=threads)
    model.settings_, model.n_rounds_ = dict(record.settings), record.n_rounds
    spec = FeatureSpec(record.features, dict(record.levels), dict(record.dropped))
    return LoadedModel(model, spec, record.meta, digest_bytes(raw))


def text_name(part: str) -> str:
    """Return the file of a booster: ``model.txt`` for the main one, else ``model.<part>.txt``."""
    return TEXT if part == MAIN else f"model.{part}.txt"


def _part_of(name: str) -> str:
    return MAIN if name == TEXT else name.removeprefix("model.").removesuffix(".txt")


def _booster(folder: Path, name: str, record: ModelRecord, *, trusted: bool, timeout_seconds: float) -> lgb.Booster:
    text = _read(folder, name)
    if digest_bytes(text) != record.texts[name]:
        raise _refusal("altered since it was written: digests differ", rule="model.digest", file=name)
    if not trusted:
        _try_in_child(text, name, timeout_seconds=timeout_seconds)
    booster = _parsed(text, name)
    # Only the main trees see exactly the features: a hazard sees some of them, and the time.
    if name == TEXT and booster.num_feature() != len(record.features):
        raise _refusal("trees and record name different numbers of features", rule="model.features_differ", file=name)
    return booster


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise _refusal("model file not found or not readable", rule="model.missing", file=name) from error


def _try_in_child(text: bytes, name: str, *, timeout_seconds: float) -> None:
    limits = (_TRIAL_BYTES + _TRIAL_BYTES_A_BYTE * len(text), max(1, round(timeout_seconds)))
    command = [sys.executable, "-I", "-c", _TRIAL, *map(str, limits)]
    environment = {**os.environ, **_ONE_THREAD}
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, timeout=timeout_seconds, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise _refusal("the trees could not be read in time", rule="model.trial", file=name) from error
    if done.returncode != 0:
        raise _refusal(f"the trees could not be read (status {done.returncode})", rule="model.trial", file=name)


def _parsed(text: bytes, name: str) -> lgb.Booster:
    try:
        return lgb.Booster(model_str=text.decode())
    except (lgb.basic.LightGBMError, ValueError) as error:
        raise _refusal("not a LightGBM model text", rule="model.format", file=name) from error


def _refusal(problem: str, *, rule: str, file: str) -> ModelError:
    return ModelError(problem, rule=rule, file=file, next_step="Fetch the model again or train it anew.")
