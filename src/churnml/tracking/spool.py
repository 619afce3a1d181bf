"""Trainings on their way to the store: kept as plain private files until it has taken them, so that none is lost."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from churnml.errors import DataError, EnvironmentFault, ModelError
from churnml.storage import digest_file, new_folder, read_sealed_json, write_sealed_json
from churnml.tracking.files import require_plain_files
from churnml.tracking.registry import champion_version, set_alias, tags_of
from churnml.tracking.runs import Recorded, RunRecord, SearchTrial, check_record, record, recorded_before

__all__ = ["SPOOL", "deliver", "keep", "pending", "remove"]

SPOOL = Path(".churnml") / "spool"
"""One folder a training, in the order of their names; private, outside of every stage's outputs."""

_ENTRY = re.compile(r"[0-9]{6}-[a-z][a-z0-9_]{0,39}")
_RECORD, _MODEL, _PLOTS = "record.json", "model", "plots"


def keep(root: Path, training: RunRecord, *, may_lead: bool, trusted: str | None = None) -> str:
    """Keep a training for the store; the files are copied, so that later stages may replace them.

    Parameters
    ----------
    root : Path
    training : RunRecord
    may_lead : bool
        Whether it passed its gate: then it becomes the first champion, or else the challenger.
    trusted : str, optional
        Digest of the ``model.json`` that was promoted last: only that one becomes a first champion.

    Returns
    -------
    str
        The entry's name.

    Raises
    ------
    ModelError
        If it is nothing that may be recorded.
    EnvironmentFault
        If the disk is full.
    """
    digests = require_plain_files(training.model_folder)
    check_record(training)
    waiting = pending(root)
    number = 1 + max((int(name[:6]) for name in waiting), default=0)
    name = f"{number:06d}-{training.model}"
    (root / SPOOL).mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_folder(root / SPOOL / name) as temp:
        for part, paths in ((_MODEL, sorted(training.model_folder.iterdir())), (_PLOTS, training.plots)):
            (temp / part).mkdir(mode=0o700)
            for path in paths:
                _copy(path, temp / part / path.name)
        facts = _facts(training) | {"digests": digests, "may_lead": may_lead, "trusted": trusted}
        facts["plots"] = {path.name: digest_file(path) for path in training.plots}
        write_sealed_json(facts | {"id": secrets.token_hex(16)}, temp / _RECORD)
    return name


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)


def _facts(training: RunRecord) -> dict[str, Any]:
    trials = [{"number": t.number, "params": dict(t.params), "metrics": dict(t.metrics)} for t in training.trials]
    named = {name: dict(getattr(training, name)) for name in ("params", "metrics", "tags")}
    return {"model": training.model, "trials": trials, **named}


def pending(root: Path) -> list[str]:
    """Return the names of what is kept, the oldest first."""
    folder = root / SPOOL
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if _ENTRY.fullmatch(path.name))


def remove(root: Path, entry: str) -> None:
    """Forget an entry."""
    shutil.rmtree(root / SPOOL / entry, ignore_errors=True)


def deliver(root: Path, entry: str) -> Recorded:
    """Record a kept training in the store, give its version the alias it has earned, and forget the entry.

    An entry that had been recorded before its process was ended is not recorded twice.

    Raises
    ------
    ModelError
        If its files are not those that were kept, or the store refuses them.
    EnvironmentFault
        If the store cannot be reached, or another process is delivering.
    """
    with _alone(root):
        training, facts = _read(root, entry)
        done = recorded_before(root, training.model, str(facts["id"])) or record(root, training)
        if facts["may_lead"]:
            _lead(root, training.model, done.version, trusted=facts["trusted"])
        remove(root, entry)
    return done


def _lead(root: Path, model: str, version: int, *, trusted: str | None) -> None:
    champion = champion_version(root, model)
    if champion == version:
        return
    is_first = champion is None
    if is_first and trusted is not None:
        is_first = tags_of(root, model, version=version)[1].get("sha256.model.json") == trusted
    set_alias(root, model, "champion" if is_first else "challenger", version)


def _read(root: Path, entry: str) -> tuple[RunRecord, dict[str, Any]]:
    folder = root / SPOOL / entry
    try:
        facts = read_sealed_json(folder / _RECORD)
        is_whole = require_plain_files(folder / _MODEL) == facts["digests"]
        is_whole &= all(digest_file(folder / _PLOTS / name) == digest for name, digest in facts["plots"].items())
    except (DataError, OSError) as error:
        raise _damaged(entry) from error
    if not is_whole:
        raise _damaged(entry)
    training = RunRecord(
        model=facts["model"],
        params=facts["params"],
        metrics=facts["metrics"],
        tags=facts["tags"] | {"spool": facts["id"]},
        model_folder=folder / _MODEL,
        plots=[folder / _PLOTS / name for name in facts["plots"]],
        trials=[SearchTrial(each["number"], each["params"], each["metrics"]) for each in facts["trials"]],
    )
    return training, facts


def _damaged(entry: str) -> ModelError:
    return ModelError(
        "a kept training is not what was written: digests differ",
        rule="model.spool",
        file=(SPOOL / entry).as_posix(),
        next_step="Remove that folder and run churnml run evaluate.",
    )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    descriptor = os.open(root / SPOOL / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EnvironmentFault(
            "another process is delivering kept trainings",
            rule="environment.tracking_lock",
            file=(SPOOL / ".lock").as_posix(),
            next_step="Wait for it, then run churnml sync.",
        ) from None
