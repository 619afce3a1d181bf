"""Champion against challenger on rows that neither had learned from, and what a promotion leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml import tracking
from churnml.config import Params
from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel, load
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import to_matrix
from churnml.evaluation.backtest import MODEL, Predictions
from churnml.evaluation.comparison import compare, paired
from churnml.evaluation.gate import Remark, Verdict
from churnml.evaluation.promotion import promotion_verdict
from churnml.exports.compare_page import compare_page
from churnml.flow.buckets import read_buckets
from churnml.flow.judge import terms_of, verdict_record
from churnml.flow.predictions import key_of_predictions, read_predictions
from churnml.flow.pseudonyms import under_key
from churnml.flow.versions import kept_backtest
from churnml.reasons.causes import reason_causes
from churnml.reasons.ranking import risk_reasons
from churnml.storage import private_folder, write_bytes, write_json
from churnml.timeline import parse_instant

__all__ = ["Side", "compare_versions", "fetched", "side_of", "write_comparison"]

ModelName = Literal["churn", "clv"]
_REASONED = 2000
"""Customers whose reasons are compared: enough for a share within two points."""


@dataclass(frozen=True, slots=True)
class Side:
    """One registered version.

    Parameters
    ----------
    version : int
    digest : str
        SHA-256 of its ``model.json``.
    gate : str
        What its gate said.
    """

    version: int
    digest: str
    gate: str


def side_of(root: Path, model: str, name: str) -> Side:
    """Return the version that an alias or a number names.

    Raises
    ------
    ModelError
        If there is none.
    """
    number = int(name) if name.isdigit() else None
    version, tags = tracking.tags_of(root, model, alias=None if number else name, version=number)
    return Side(version, tags.get("sha256.model.json", ""), tags.get("gate", ""))


def compare_versions(
    params: Params, *, root: Path, model: ModelName, champion: str = "champion", challenger: str = "challenger"
) -> dict[str, Any]:
    """Compare two registered versions of a model.

    The challenger's backtest is what it is judged by. Beside each of its rows stands what the champion says of it: its
    own backtest where that has the row, and the champion itself on dates after everything it has learned from.

    Parameters
    ----------
    params : Params
    root : Path
    model : {"churn", "clv"}
    champion, challenger : str
        Aliases or version numbers.

    Returns
    -------
    dict
        From :func:`churnml.evaluation.comparison.compare`, with ``champion`` and ``challenger`` (version,
        digest, gate), ``verdict`` and, for churn, ``same_top_reason``.

    Raises
    ------
    ModelError
        If a version or its backtest is not there, or nothing can be compared.
    """
    old, new = side_of(root, model, champion), side_of(root, model, challenger)
    told: dict[str, Any] = {"model": model, "champion": _told(old), "challenger": _told(new)}
    if old.digest == new.digest:
        return told | {"verdict": verdict_record(Verdict(False, (Remark("compare_same"),)))}
    with private_folder(root / "data", "compare") as folder:
        models = {side.version: fetched(root, model, side, folder / str(side.version)) for side in (old, new)}
    tested, is_out_of_time = _backtest(root, model, new)
    key_id = key_of_predictions(kept_backtest(root, model, new.digest) or root)
    said = _champion_says(root, model, old, models[old.version], tested, key_id=key_id)
    found = compare(model, paired(said, tested), terms=terms_of(params, is_out_of_time=is_out_of_time))
    told |= {**found, "verdict": verdict_record(promotion_verdict(found))}
    if model == "churn":
        told["same_top_reason"] = _same_reason(root, models[old.version], models[new.version])
    return told


def write_comparison(found: dict[str, Any], *, root: Path) -> Path:
    """Write ``reports/compare_<model>.json`` and its page; return the page."""
    page = root / "reports" / f"compare_{found['model']}.html"
    write_json(found, page.with_suffix(".json"))
    write_bytes(compare_page(found), page)
    return page


def _told(side: Side) -> dict[str, Any]:
    return {"version": side.version, "digest": side.digest[:12], "gate": side.gate}


def fetched(root: Path, model: str, side: Side, folder: Path) -> LoadedModel:
    """Fetch a version and load it, by number and digest."""
    return load(tracking.fetch(root, f"models:/{model}/{side.version}", folder), digest=side.digest)


def _backtest(root: Path, model: str, side: Side) -> tuple[Predictions, bool]:
    folder = kept_backtest(root, model, side.digest)
    found = None if folder is None else read_predictions(folder)
    if found is None:
        raise ModelError(
            f"the backtest of version {side.version} of {model} is not kept in this project",
            rule="model.no_backtest",
            next_step="Compare where the model was trained, or train it here again.",
        )
    return found


def _champion_says(
    root: Path, model: ModelName, side: Side, loaded: LoadedModel, tested: Predictions, *, key_id: str | None
) -> Predictions:
    """Return the champion's predictions of rows it has not learned from, ids as in the challenger's backtest."""
    parts = []
    folder = kept_backtest(root, model, side.digest)
    if folder is not None and (found := read_predictions(folder)) is not None:
        told = _keys_and(found[0], found[0].prefix + MODEL)
        told = under_key(told, key_of_predictions(folder), wanted=key_id, root=root)
        parts += [] if told is None else [told]
    fresh = _on_newer_dates(root, loaded, tested)
    if fresh is not None:
        parts.append(fresh)
    if not parts:
        raise ModelError(
            f"version {side.version} of {model} has no backtest in this project, and no tested date lies after what it "
            "learned from",
            rule="model.nothing_in_common",
            next_step="Train the challenger on newer data, or compare where the champion was trained.",
        )
    joined = pa.concat_tables(parts, promote_options="default")
    return Predictions(tested.kind, _first_of_each(joined))


def _keys_and(found: Predictions, column: str) -> pa.Table:
    keys = [key for key in ("customer_id", "observation_date") if key in found.table.column_names]
    return found.table.select([*keys, column])


def _first_of_each(table: pa.Table) -> pa.Table:
    """Keep one row per snapshot: what was tested then goes before what is predicted now."""
    keys = [key for key in ("customer_id", "observation_date") if key in table.column_names]
    places = table.append_column("place", pa.array(np.arange(table.num_rows)))
    first = places.group_by(keys).aggregate([("place", "min")])["place_min"].sort()
    return table.take(first)


def _on_newer_dates(root: Path, loaded: LoadedModel, tested: Predictions) -> pa.Table | None:
    """Return what the champion says of tested dates after everything it learned from; None where it cannot say."""
    features, until = root / "data" / "features", loaded.meta.get("learned_until")
    if "observation_date" not in tested.table.column_names or until is None or not features.is_dir():
        return None
    keys = tested.table.select(["customer_id", "observation_date"])
    newer = keys.filter(
        pc.greater_equal(keys["observation_date"].cast(pa.int64()), parse_instant(str(until), timezone="UTC"))
    )
    if not newer.num_rows:
        return None
    dates = pc.unique(newer["observation_date"].cast(pa.int64()))
    rows = read_buckets(features, keep=lambda _, t: t.filter(pc.is_in(t["observation_date"].cast(pa.int64()), dates)))
    try:
        matrix = to_matrix(rows, loaded.spec)
    except ModelError:
        return None  # the project has other features since
    model = loaded.model
    said = model.churn_probability(matrix) if isinstance(model, ChurnClassifier) else model.predict(matrix)
    return rows.select(["customer_id", "observation_date"]).append_column(tested.prefix + MODEL, pa.array(said))


def _same_reason(root: Path, champion: LoadedModel, challenger: LoadedModel) -> dict[str, float] | None:
    """Return the share of customers for whom both models name the same first cause, and how many were asked."""
    features = root / "data" / "features"
    if not features.is_dir():
        return None
    rows = read_buckets(features)
    newest = pc.max(rows["observation_date"].cast(pa.int64()))
    rows = rows.filter(pc.equal(rows["observation_date"].cast(pa.int64()), newest)).slice(0, _REASONED)
    try:
        first = [_first_causes(rows, each) for each in (champion, challenger)]
    except ModelError:
        return None
    same = pc.equal(pc.fill_null(first[0], ""), pc.fill_null(first[1], ""))
    return {"share": float(pc.mean(same.cast(pa.float64())).as_py() or 0.0), "n_customers": rows.num_rows}


def _first_causes(rows: pa.Table, loaded: LoadedModel) -> pa.Array:
    if not isinstance(loaded.model, ChurnClassifier):
        raise ModelError("not a churn model", rule="model.kind")
    matrix, names = to_matrix(rows, loaded.spec), loaded.spec.names
    besides = loaded.model.extra_contributions
    return reason_causes(risk_reasons(loaded.model.booster_, matrix, names=names, besides=besides)["reason_1"])
