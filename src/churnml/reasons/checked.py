"""Whether reasons can be trusted: what undoing them does to the risk, and whether the next model names them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import FeatureSpec, to_matrix
from churnml.reasons.causes import locate, reason_causes
from churnml.reasons.contributions import spread_rows
from churnml.reasons.ranking import UNPROVEN_CAUSE, risk_reasons

__all__ = ["N_ROWS", "FittedModel", "checked_reasons"]

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
N_ROWS = 1_000
"""Rows of each tested date that are looked at; the half of them at higher risk is explained."""


@dataclass(frozen=True)
class FittedModel:
    """A model as it was trained for one date.

    Parameters
    ----------
    name : str
        Of the fold.
    model : ChurnClassifier
    spec : FeatureSpec
    unseen : Table or None
        Feature rows that it had not learned from; None = it only serves as the retraining of the one before.
    """

    name: str
    model: ChurnClassifier
    spec: FeatureSpec
    unseen: pa.Table | None = None


def checked_reasons(
    models: Sequence[FittedModel],
    *,
    kinds: Mapping[str, str] | None = None,
    never_named: Sequence[str] = (),
    threads: int = 1,
) -> pa.Table:
    """Undo the reasons of unseen rows, and ask the next model for the reasons of the same rows.

    To undo a cause, its features are set to what a typical customer of the half at lower risk has: the median, the most
    frequent level, or a missing value where most are missing.

    Parameters
    ----------
    models : sequence of FittedModel
        In the order in which they were trained; each is compared with the one behind it.
    kinds : mapping of str to str, optional
        Table name -> kind, as :func:`churnml.reasons.causes.locate` takes it.
    never_named : sequence of str, optional
        As :func:`churnml.reasons.ranking.risk_reasons` takes it.
    threads : int, optional
        The result is the same for any number.

    Returns
    -------
    Table
        One row for each customer of the half at higher risk that has a reason: ``fold``, ``customer_id``, ``cause``;
        ``drop``, by how much the probability falls when the first reason is undone, and ``drop_other``, the mean of
        the same for every other cause; ``beats_other``, the share of other causes that lower it less (ties half; null
        where there is no other cause); ``is_first_kept``, whether the next model names the same first reason, and
        ``kept``, the share of the reasons that it names too (null where there is no next model).
    """
    parts = [
        _checked(each, following, _Asked(kinds, never_named, threads))
        for each, following in zip(models, [*models[1:], None], strict=True)
        if each.unseen is not None and each.unseen.num_rows > 1
    ]
    return pa.concat_tables([_SCHEMA.empty_table(), *parts])


@dataclass(frozen=True)
class _Asked:
    kinds: Mapping[str, str] | None
    never_named: Sequence[str]
    threads: int


_SCHEMA = pa.schema(
    {
        "fold": pa.string(),
        "customer_id": pa.string(),
        "cause": pa.string(),
        "drop": pa.float64(),
        "drop_other": pa.float64(),
        "beats_other": pa.float64(),
        "is_first_kept": pa.float64(),
        "kept": pa.float64(),
    }
)


def _checked(each: FittedModel, following: FittedModel | None, asked: _Asked) -> pa.Table:
    table = each.unseen.take(spread_rows(each.unseen.num_rows, n_wanted=N_ROWS))  # type: ignore[union-attr]
    X = to_matrix(table, each.spec)
    risk = each.model.churn_probability(X)
    is_higher = risk > np.median(risk)
    usual = _typical(X[~is_higher], each.spec)
    told = _causes_of(each, table, asked)
    rows = np.flatnonzero(is_higher & told[0].is_valid().to_numpy(zero_copy_only=False))
    first = told[0].take(rows)
    falls, named = _falls(each, X[rows], risk[rows], usual, asked.kinds)
    of_features = {told_as: cause for cause, told_as in UNPROVEN_CAUSE.items()}
    own = np.array([named.index(of_features.get(cause, cause)) for cause in first.to_pylist()], dtype=np.int64)
    again = None if following is None else [c.take(rows) for c in _causes_of(following, table, asked)]
    mine = [column.take(rows) for column in told]
    columns = {
        "fold": pa.array([each.name] * len(rows), pa.string()),
        "customer_id": table["customer_id"].take(rows).combine_chunks().cast(pa.string()),
        "cause": first,
        **_against_others(falls, own),
        **_kept(mine, again),
    }
    return pa.table(columns, schema=_SCHEMA)


def _causes_of(fitted: FittedModel, table: pa.Table, asked: _Asked) -> list[pa.StringArray]:
    """Return the cause of each reason, the first reason first."""
    reasons = risk_reasons(
        fitted.model.booster_,
        to_matrix(table, fitted.spec),
        names=fitted.spec.names,
        kinds=asked.kinds,
        categorical=fitted.spec.categorical,
        never_named=asked.never_named,
        threads=asked.threads,
        besides=fitted.model.extra_contributions,
    )
    return [reason_causes(column) for column in reasons.columns]


def _typical(X: npt.NDArray[np.float32], spec: FeatureSpec) -> npt.NDArray[np.float32]:
    """Return one row: medians, the most frequent levels, and missing values where most are missing."""
    usual = np.full(X.shape[1], np.nan, dtype=np.float32)
    for place in range(X.shape[1]):
        known = X[~np.isnan(X[:, place]), place]
        if known.size * 2 < len(X):
            continue
        if place in spec.categorical:
            levels, counts = np.unique(known, return_counts=True)
            usual[place] = levels[np.argmax(counts)]
        else:
            usual[place] = np.median(known)
    return usual


def _falls(
    fitted: FittedModel,
    X: npt.NDArray[np.float32],
    risk: Floats,
    usual: npt.NDArray[np.float32],
    kinds: Mapping[str, str] | None,
) -> tuple[Floats, list[str]]:
    """Return by how much the risk falls with each cause undone, shape (n_rows, n_causes), and the causes."""
    cause_of = np.array([locate(name, kinds=kinds).cause for name in fitted.spec.names])
    named = list(dict.fromkeys(cause_of.tolist()))
    falls = np.zeros((len(X), len(named)))
    for place, cause in enumerate(named):
        undone = X.copy()
        undone[:, cause_of == cause] = usual[cause_of == cause]
        falls[:, place] = risk - fitted.model.churn_probability(undone) if len(X) else 0.0
    return falls, named


def _against_others(falls: Floats, own: Rows) -> dict[str, pa.Array]:
    rows = np.arange(len(falls))
    drop, n_others = falls[rows, own], falls.shape[1] - 1
    less = (falls < drop[:, None]).sum(axis=1) + 0.5 * ((falls == drop[:, None]).sum(axis=1) - 1)
    other = (falls.sum(axis=1) - drop) / n_others if n_others else np.full(len(falls), np.nan)
    beats = less / n_others if n_others else np.full(len(falls), np.nan)
    return {name: pa.array(v, from_pandas=True) for name, v in zip(_DROPS, (drop, other, beats), strict=True)}


_DROPS = ("drop", "drop_other", "beats_other")


def _kept(mine: Sequence[pa.StringArray], again: Sequence[pa.StringArray] | None) -> dict[str, pa.Array]:
    if again is None:
        nothing = pa.nulls(len(mine[0]), pa.float64())
        return {"is_first_kept": nothing, "kept": nothing}
    first = pc.fill_null(pc.equal(mine[0], again[0]), fill_value=False)
    n_told, n_kept = np.zeros(len(mine[0])), np.zeros(len(mine[0]))
    for column in mine:
        n_told += column.is_valid().to_numpy(zero_copy_only=False)
        for other in again:
            n_kept += pc.fill_null(pc.equal(column, other), fill_value=False).to_numpy(zero_copy_only=False)
    return {"is_first_kept": first.cast(pa.float64()), "kept": pa.array(n_kept / n_told)}
