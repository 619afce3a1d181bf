"""From challenger to champion: refused where the gain may be chance, and never without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churnml import tracking
from churnml.config import Params, load_params
from churnml.errors import ConfigError, ModelError
from churnml.flow.compare import ModelName, Side, compare_versions, side_of, write_comparison
from churnml.flow.guard import guard_refusal, regime_at
from churnml.flow.promotions import add_promotion
from churnml.storage import private_folder
from churnml.timeline import parse_instant

__all__ = ["compared", "promote"]


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


def promote(
    params: Path, model: str, *, version: int | None, force: bool, why: str, at: str, approved_by: str = ""
) -> dict[str, Any]:
    """Make a version the champion, after its files were proven whole.

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
    approved_by : str
        Who answers for it; needed where ``promotion.require_approval`` is set.

    Returns
    -------
    dict
        The line added to the record of promotions.

    Raises
    ------
    ConfigError
        If ``force`` comes without a reason, or an approval is asked for and nobody is named.
    ModelError
        If there is no such version, its gate failed, it is not better than the champion beyond noise, the regime is
        not normal, or its files are not those that were registered.
    """
    name, root = _named(model), params.resolve().parent
    if force and not why.strip():
        raise ConfigError(
            "--force needs a reason", rule="config.force", next_step='Say why, for example --why "prices changed".'
        )
    old = _champion(root, name)
    new = _meant(root, name, version, old if approved_by.strip() else None)
    if not approved_by.strip() and _asks_for_approval(params):
        raise ConfigError(
            "promotion.require_approval asks for the name of who approves",
            rule="config.approval",
            next_step="Read the card, then promote with --approved-by NAME.",
        )
    refusals = _refusals(params, name, old, new, at=at)
    if refusals and not force:
        raise refusals[0]
    with private_folder(root / "data", "promote") as private:
        tracking.fetch(root, f"models:/{name}/{new.version}", private / "model")
    line = {
        "at": at,
        "model": name,
        "version": new.version,
        "digest": new.digest,
        "before": None if old is None else old.version,
        "forced": bool(refusals),
        "refusal": "; ".join(refusal.problem for refusal in refusals) or None,
        "why": why.strip(),
        "approved_by": approved_by.strip() or None,
    }
    trace = {"promoted.at": at, "promoted.forced": str(bool(refusals)).lower(), "promoted.why": why.strip()}
    tracking.tag_version(root, name, new.version, trace | {"promoted.approved_by": approved_by.strip()})
    tracking.set_alias(root, name, "champion", new.version)
    add_promotion(root, line)
    return line


def _asks_for_approval(params: Path) -> bool:
    return params.exists() and load_params(params).promotion.require_approval


def _meant(root: Path, model: str, version: int | None, to_approve: Side | None) -> Side:
    """Return the version that is named, or the challenger; without one, the champion that is to be approved."""
    if version is not None:
        return side_of(root, model, str(version))
    try:
        return side_of(root, model, "challenger")
    except ModelError as error:
        if to_approve is None or error.rule != "model.not_registered":
            raise
        return to_approve


def _named(model: str) -> ModelName:
    if model == "churn":
        return "churn"
    if model == "clv":
        return "clv"
    raise ConfigError("not a model", rule="config.model", next_step="Name churn or clv.")


def _champion(root: Path, model: str) -> Side | None:
    number = tracking.champion_version(root, model)
    return None if number is None else side_of(root, model, str(number))


def _refusals(params: Path, model: ModelName, old: Side | None, new: Side, *, at: str) -> list[ModelError]:
    """Return why a version may not become champion; nothing where it may."""
    guard = None
    # Without a champion there is nothing to keep; one that is approved again stays what it is.
    if old is not None and old.version != new.version and params.exists():
        loaded, now = load_params(params), parse_instant(at, timezone="UTC")
        guard = guard_refusal(regime_at(loaded, root=params.resolve().parent, now=now), model)
    return [each for each in (guard, _refusal(params, model, old, new)) if each is not None]


def _refusal(params: Path, model: ModelName, old: Side | None, new: Side) -> ModelError | None:
    """Return what speaks against a version itself, or None."""
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
