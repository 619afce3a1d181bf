"""Model folders: LightGBM's text, a JSON beside it, cards; no pickle, digests checked before anything is parsed."""

from __future__ import annotations

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
from churnml.estimators.trial import try_trees
from churnml.storage import digest_bytes, new_folder

__all__ = ["LoadedModel", "load", "save", "text_name"]

TEXT, RECORD = "model.txt", "model.json"


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
        Processor time of the trial.

    Raises
    ------
    ModelError
        If a file is absent, altered, in another format, or its trees do not survive the trial.
    """
    raw = _read(folder, RECORD)
    if digest is not None and digest_bytes(raw) != digest:
        raise _refusal("not the expected model: digests differ", rule="model.digest", file=RECORD)
    record = parse_record(raw)
    texts = {name: _text(folder, name, record) for name in record.texts}
    if not trusted:
        try_trees(texts, seconds=timeout_seconds)
    boosters = {_part_of(name): _booster(text, name, record) for name, text in texts.items()}
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


def _text(folder: Path, name: str, record: ModelRecord) -> bytes:
    text = _read(folder, name)
    if digest_bytes(text) != record.texts[name]:
        raise _refusal("altered since it was written: digests differ", rule="model.digest", file=name)
    return text


def _booster(text: bytes, name: str, record: ModelRecord) -> lgb.Booster:
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


def _parsed(text: bytes, name: str) -> lgb.Booster:
    try:
        return lgb.Booster(model_str=text.decode())
    except (lgb.basic.LightGBMError, ValueError) as error:
        raise _refusal("not a LightGBM model text", rule="model.format", file=name) from error


def _refusal(problem: str, *, rule: str, file: str) -> ModelError:
    return ModelError(problem, rule=rule, file=file, next_step="Fetch the model again or train it anew.")
