"""Scoring apart from the pipeline: data as of a date and a model in, scores and a manifest out."""

from __future__ import annotations

from pathlib import Path

from churnml import tracking
from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel, load
from churnml.features.plan import FeaturePlan
from churnml.flow.featurize import featurize
from churnml.flow.promotions import require_approved, require_promoted
from churnml.flow.raw import read_histories
from churnml.flow.score import Models, score
from churnml.flow.score_checks import ScoreChecks
from churnml.flow.spine import make_spine
from churnml.parquet import write_parquet
from churnml.storage import digest_file, private_folder, write_json
from churnml.timeline import us_to_iso

__all__ = ["open_models", "score_as_of"]


def open_models(root: Path, reference: str, *, threads: int, folder: Path) -> Models:
    """Load the churn model and the value model beside it.

    Parameters
    ----------
    root : Path
        Project folder, which holds the registry.
    reference : str
        ``models:/churn@champion``, ``models:/churn/3``, or a folder such as ``models/churn``. The value model is
        the registry's ``clv`` under the same alias (else its champion), or the folder ``clv`` beside.
    threads : int
    folder : Path
        Private folder for files from the registry.

    Raises
    ------
    ModelError
        If there is no such churn model, a file was altered, or the champion is not the one promoted last.
    """
    if not reference.startswith("models:"):
        churn, value = root / reference, (root / reference).parent / "clv"
        loaded = load(churn, threads=threads)
        return Models(loaded, load(value, threads=threads) if (value / "model.json").exists() else None)
    loaded = load(tracking.fetch(root, reference, folder / "churn"), threads=threads)
    alias = reference.partition("@")[2] or "champion"
    found = Models(loaded, _value_model(root, f"models:/clv@{alias}", folder / "clv", threads=threads))
    if alias == "champion":
        # Who names a version has chosen it; what an alias names is held against the record.
        by_alias = found.digests if "@" in reference else {k: d for k, d in found.digests.items() if k == "clv"}
        require_promoted(root, by_alias)
    return found


def _value_model(root: Path, reference: str, folder: Path, *, threads: int) -> LoadedModel | None:
    try:
        fetched = tracking.fetch(root, reference, folder)
    except ModelError as error:
        if error.rule == "model.not_registered":
            return None
        raise
    return load(fetched, threads=threads)


def score_as_of(params: Params, *, root: Path, reference: str, out: Path) -> dict[str, object]:
    """Score all customers as of ``histories.as_of`` with a trained model; the manifest is written last.

    Parameters
    ----------
    params : Params
        With the wanted ``as_of``.
    root : Path
    reference : str
        See :func:`open_models`.
    out : Path
        Parquet file; ``<out>.manifest.json`` appears beside it.

    Returns
    -------
    dict
        The manifest: date, model, rows, digests, and what the checks found.

    Raises
    ------
    ModelError
        If the model is not there, its features differ from those the histories give, or these look other than they did
        when it learned.
    DataError
        If a table is older than it may be.
    """
    with private_folder(root / "data", "score") as folder:
        models = open_models(root, reference, threads=params.train.threads, folder=folder / "models")
        if params.promotion.require_approval:
            require_approved(root, models.digests)
        history = read_histories(params, root=root, target=folder / "prepared")
        checks = ScoreChecks(params, history, models.churn)
        make_spine(history, params, folder / "spine", to_score_only=True)
        plan = FeaturePlan.from_json(models.churn.meta["feature_plan"])
        featurize(history, params, folder / "spine", folder / "features", root=root, plan=plan)
        scored = score(params, history, models, features=folder / "features", backtest=None, watch=checks.see)
        found = checks.finish()
    write_parquet(scored, out)
    manifest = {
        "as_of": us_to_iso(history.as_of),
        "model": reference,
        "model_version": models.version,
        "rows": scored.num_rows,
        "at_risk": scored.num_rows - scored["p_churn"].null_count,
        "sha256": digest_file(out),
        "data_sha256": history.digests,
        "checks": found,
    }
    write_json(manifest, out.with_name(out.name + ".manifest.json"))
    return manifest
