"""Scoring apart from the pipeline: data as of a date and a model in, scores and a manifest out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churnml import tracking
from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.artifact import load
from churnml.flow.guard import VERDICT, regime_of
from churnml.flow.model_features import features_to_score
from churnml.flow.named import hides_of
from churnml.flow.program import code_identity
from churnml.flow.promotions import require_approved, require_promoted
from churnml.flow.pseudonyms import pseudonyms_of
from churnml.flow.raw import read_histories
from churnml.flow.score import Models, score
from churnml.flow.score_checks import ScoreChecks
from churnml.flow.score_records import keep_scores
from churnml.flow.simple_rule import rule_in_place
from churnml.flow.versions import kept_backtest
from churnml.parquet import parquet_schema
from churnml.storage import digest_file, private_folder, write_json
from churnml.timeline import us_to_iso

__all__ = ["open_models", "score_as_of"]


_BY_ALIAS = re.compile(r"models:/(?P<model>[a-z][a-z0-9_]*)@(?P<alias>[a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Opened:
    """Models that are loaded, and of each the reference it was fetched by: with its version, whatever was asked for."""

    models: Models
    references: dict[str, str]


def open_models(root: Path, reference: str, *, folder: Path) -> Opened:
    """Load the churn model and the value model beside it; an alias is looked up once.

    Parameters
    ----------
    root : Path
        Project folder, which holds the registry.
    reference : str
        ``models:/churn@champion``, ``models:/churn/3``, or a folder such as ``models/churn``. The value model is
        the registry's ``clv`` under the same alias (else its champion), or the folder ``clv`` beside.
    folder : Path
        Private folder for files from the registry.

    Raises
    ------
    ModelError
        If there is no such churn model, a file was altered, or the champion is not the one promoted last.
    """
    if not reference.startswith("models:"):
        churn, value = root / reference, (root / reference).parent / "clv"
        found = load(value) if (value / "model.json").exists() else None
        return Opened(Models(load(churn), found), {"churn": reference})
    alias = reference.partition("@")[2] or "champion"
    references = {"churn": _fixed(root, reference)}
    try:
        references["clv"] = _fixed(root, f"models:/clv@{alias}")
    except ModelError as error:
        if error.rule != "model.not_registered":
            raise
    loaded = {name: load(tracking.fetch(root, each, folder / name)) for name, each in references.items()}
    models = Models(loaded["churn"], loaded.get("clv"))
    if alias == "champion":
        # Who names a version has chosen it; what an alias names is held against the record.
        by_alias = models.digests if "@" in reference else {k: d for k, d in models.digests.items() if k == "clv"}
        require_promoted(root, by_alias)
    return Opened(models, references)


def _fixed(root: Path, reference: str) -> str:
    """Return a reference by version for one by alias: an alias that is moved meanwhile changes nothing."""
    parts = _BY_ALIAS.fullmatch(reference)
    if parts is None:
        return reference
    number, _ = tracking.tags_of(root, parts["model"], alias=parts["alias"])
    return f"models:/{parts['model']}/{number}"


def score_as_of(params: Params, *, root: Path, reference: str, out: Path) -> dict[str, Any]:
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
        The manifest: date, models with version and digest, rows, schema, digests of scores and data, program, and what
        the checks found.

    Raises
    ------
    ModelError
        If the model is not there, its features differ from those the histories give, or these look other than they did
        when it learned.
    DataError
        If a table is older than it may be.
    """
    manifest = out.with_name(out.name + ".manifest.json")

    def accept() -> object:
        found = checks.finish()
        # Never new scores beside an old manifest: whoever picks files up waits for the manifest.
        manifest.unlink(missing_ok=True)
        return found

    pseudonyms_of(params, root=root)  # without a key it would fail after minutes
    with private_folder(root / "data", "score") as folder:
        opened = open_models(root, reference, folder=folder / "models")
        models = opened.models
        if params.promotion.require_approval:
            require_approved(root, models.digests)
        identities = folder / "identities"
        history = read_histories(params, root=root, target=folder / "prepared", identities=identities)
        checks = ScoreChecks(params, history, models.churn)
        regime = regime_of(params, history, verdict=root / VERDICT)
        rule = rule_in_place(params, regime, models.churn)
        features = features_to_score(params, history, models, folder, root=root)
        scored = score(
            params,
            history,
            models,
            out,
            features=features,
            backtest=kept_backtest(root, "churn", models.churn.digest),
            watch=checks.see,
            accept=accept,
            rule=rule,
            identities=identities,
            root=root,
        )
    facts = {
        "as_of": us_to_iso(history.as_of),
        "model": reference,
        "models": {
            name: {"reference": opened.references.get(name), "sha256": digest}
            for name, digest in models.digests.items()
        },
        "model_version": models.version,
        "rows": scored.n_rows,
        "at_risk": scored.n_at_risk,
        "schema": parquet_schema(out),
        "sha256": digest_file(out),
        "data_sha256": history.digests,
        "code": code_identity(),
        "checks": checks.finish(),
        "regime": regime.facts(),
        "simple_rule": None if rule is None else rule.name,
    }
    hides = hides_of(history, root=root)
    until = models.churn.meta.get("learned_until")
    keep_scores(params, out, root=root, model_version=models.version, learned_until=until, hides=hides)
    write_json(facts, manifest)
    return facts
