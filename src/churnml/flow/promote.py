"""From challenger to champion: refused where the gain may be chance, and never without a trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from churnml import tracking
from churnml.config import Params, load_params
from churnml.errors import ConfigError, ModelError
from churnml.flow.compare import ModelName, Side, compare_versions, side_of, write_comparison
from churnml.storage import new_file

__all__ = ["PROMOTIONS", "compared", "promote"]

PROMOTIONS = Path("models") / "promotions.jsonl"
"""One line a promotion, to be kept in Git: which files became champion, by which digest, and why."""


def compared(params: Params, root: Path, model: str, *, champion: str, challenger: str) -> dict[str, Any]:
    """Compare two versions and write the page; parameters and errors as `churnml.flow.compare.compare_versions`.

    Raises
    ------
    ConfigError
        If there is no model of that name.
    """
    found = compare_versions(params, root=root, model=_named(model), champion=champion, challenger=challenger)
    write_comparison(found, root=root)
    return found


def promote(params: Path, model: str, *, version: int | None, force: bool, why: str, at: str) -> dict[str, Any]:
    """Make a version the champion.

    Parameters
    ----------
    params : Path
        Parameter file, in the project's folder.
    model : str
        ``churn`` or ``clv``.
    version : int or None
        None = the challenger.
    force : bool
        Promote although the gate or the comparison refuses.
    why : str
        Reason; needed with ``force``.
    at : str
        When, for the trace.

    Returns
    -------
    dict
        The line added to :data:`PROMOTIONS`.

    Raises
    ------
    ConfigError
        If ``force`` comes without a reason.
    ModelError
        If there is no such version, its gate failed, or it is not better than the champion beyond noise.
    """
    name, root = _named(model), params.resolve().parent
    if force and not why.strip():
        raise ConfigError(
            "--force needs a reason", rule="config.force", next_step='Say why, for example --why "prices changed".'
        )
    new = side_of(root, name, "challenger" if version is None else str(version))
    old = _champion(root, name)
    refusal = _refusal(params, name, old, new)
    if refusal is not None and not force:
        raise refusal
    line = {
        "at": at,
        "model": name,
        "version": new.version,
        "digest": new.digest,
        "before": None if old is None else old.version,
        "forced": refusal is not None,
        "refusal": None if refusal is None else refusal.problem,
        "why": why.strip(),
    }
    trace = {"promoted.at": at, "promoted.forced": str(refusal is not None).lower(), "promoted.why": why.strip()}
    tracking.tag_version(root, name, new.version, trace)
    tracking.set_alias(root, name, "champion", new.version)
    _append(root / PROMOTIONS, line)
    return line


def _named(model: str) -> ModelName:
    if model == "churn":
        return "churn"
    if model == "clv":
        return "clv"
    raise ConfigError("not a model", rule="config.model", next_step="Name churn or clv.")


def _champion(root: Path, model: str) -> Side | None:
    number = tracking.champion_version(root, model)
    return None if number is None else side_of(root, model, str(number))


def _refusal(params: Path, model: ModelName, old: Side | None, new: Side) -> ModelError | None:
    """Return why a version may not become champion, or None where it may."""
    if new.gate != "passed":
        return ModelError(
            f"version {new.version} of {model} did not pass its gate{new.gate.removeprefix('failed').rstrip('.')}",
            rule="model.gate",
            next_step="See reports/evaluation.html; train another one.",
        )
    if old is None or old.version == new.version:
        return None
    try:
        sides = {"champion": str(old.version), "challenger": str(new.version)}
        found = compared(load_params(params), params.resolve().parent, model, **sides)
    except ModelError as error:
        return error
    if found["verdict"]["ok"]:
        return None
    told = " ".join(reason["en"] for reason in found["verdict"]["reasons"])
    return ModelError(
        f"version {new.version} of {model} is not better than the champion beyond noise: {told.rstrip('.')}",
        rule="model.no_gain",
        next_step=f"See reports/compare_{model}.html; keep the champion, or use --force with --why.",
    )


def _append(path: Path, line: dict[str, Any]) -> None:
    before = path.read_bytes() if path.exists() else b""
    with new_file(path) as temp:
        temp.write_bytes(before + json.dumps(line, sort_keys=True, ensure_ascii=False).encode() + b"\n")
