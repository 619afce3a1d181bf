"""The few causes that raise a customer's risk most, in machine form."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.reasons.background import background_of
from churnml.reasons.causes import FeaturePlace, locate, may_be_named
from churnml.reasons.contributions import contributions_in_batches, spread_rows
from churnml.reasons.facts import Evidence, facts_of
from churnml.reasons.sentences import reason_code

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = [
    "ROWS_TO_COMPARE",
    "UNPROVEN_CAUSE",
    "UNPROVEN_WEIGHT",
    "RiskReasons",
    "company_columns",
    "risk_reasons",
    "same_for_all",
    "top_reasons",
]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]

UNPROVEN_WEIGHT = 0.5
"""What a contribution counts where the customer's own figures do not bear the cause out: a cause with figures goes
first unless the other contributes more than twice as much."""

_FEW, ROWS_TO_COMPARE = 20, 4_096
"""Fewer rows do not tell whether a change concerns all alike; more than the second need not be looked at."""
UNPROVEN_CAUSE = {"new_customer": "relationship"}
"""What a cause is called where its name would contradict the figures: a customer of four years is not new."""


def risk_reasons(
    booster: lgb.Booster,
    X: npt.NDArray[Any],
    *,
    names: Sequence[str],
    kinds: Mapping[str, str] | None = None,
    n_reasons: int = 3,
    categorical: Sequence[int] = (),
    never_named: Sequence[str] = (),
    batch_rows: int = 16_384,
    threads: int = 1,
    besides: Callable[[npt.NDArray[Any]], Floats | None] | None = None,
) -> pa.Table:
    """Return the main causes of each customer's risk.

    A change at the company or in the market that concerns nearly every row alike gives no reason: it raises the risk of
    all and says nothing of one.

    Parameters
    ----------
    booster : lightgbm.Booster
        The churn model; a higher score is a higher risk.
    X : ndarray, shape (n_rows, n_features)
        As given to the booster; numbers are taken from it for the figures in a reason.
    names : sequence of str
        Features of the columns of X.
    kinds : mapping of str to str, optional
        Table name -> kind; without it, sources are told from their names.
    n_reasons : int, optional
    categorical : sequence of int, optional
        Columns of X that hold level numbers: they are no figures to be told.
    never_named : sequence of str, optional
        Features that give no reason, beside those that never do (:func:`churnml.reasons.causes.may_be_named`).
    batch_rows : int, optional
        Rows explained at once; it bounds memory and changes nothing else.
    threads : int, optional
        The result is the same for any number.
    besides : callable, optional
        Rows of X -> what each column adds to the risk beside the trees.

    Returns
    -------
    Table
        ``reason_1`` ... ``reason_<n>``: text in machine form, null where fewer causes raise the risk.

    Raises
    ------
    ModelError
        If the columns are not the model's features.
    """
    company = set(company_columns(names, kinds=kinds))
    seen = spread_rows(len(X), n_wanted=ROWS_TO_COMPARE)
    alike = frozenset(name for at, name in enumerate(names) if name in company and same_for_all(X[seen, at]))
    reasons = RiskReasons(
        booster,
        names=names,
        alike=alike,
        kinds=kinds,
        n_reasons=n_reasons,
        categorical=categorical,
        never_named=never_named,
        besides=besides,
    )
    return reasons(X, batch_rows=batch_rows, threads=threads)


class RiskReasons:
    """Names the main causes of risk in any batch of rows; parameters as of :func:`risk_reasons`.

    Parameters
    ----------
    alike : collection of str
        Features that give no reason because they are the same for nearly all, see :func:`same_for_all`.
    """

    def __init__(
        self,
        booster: lgb.Booster,
        *,
        names: Sequence[str],
        alike: Collection[str] = (),
        kinds: Mapping[str, str] | None = None,
        n_reasons: int = 3,
        categorical: Sequence[int] = (),
        never_named: Sequence[str] = (),
        besides: Callable[[npt.NDArray[Any]], Floats | None] | None = None,
    ) -> None:
        self._booster, self._names, self._besides, self._n_reasons = booster, names, besides, n_reasons
        places = [locate(name, kinds=kinds) for name in names]
        self._told = [
            at for at, place in enumerate(places) if may_be_named(place, never=never_named) and names[at] not in alike
        ]
        self._places = [places[at] for at in self._told]
        self._levels = [self._told.index(at) for at in categorical if at in self._told]

    def __call__(self, X: npt.NDArray[Any], *, batch_rows: int = 16_384, threads: int = 1) -> pa.Table:
        """Return ``reason_1`` ... of each row."""
        batches = contributions_in_batches(
            self._booster, X, names=self._names, batch_rows=batch_rows, threads=threads, besides=self._besides
        )
        parts = []
        for rows, found in batches:
            figures = X[rows][:, self._told]
            figures[:, self._levels] = np.nan
            parts.append(top_reasons(found[:, self._told], figures, self._places, n_reasons=self._n_reasons))
        empty = pa.table({f"reason_{k + 1}": pa.array([], pa.string()) for k in range(self._n_reasons)})
        return pa.concat_tables(parts) if parts else empty


def company_columns(names: Sequence[str], *, kinds: Mapping[str, str] | None = None) -> list[str]:
    """Return the features that tell of changes at the company or in the market."""
    return [name for name in names if locate(name, kinds=kinds).source_class == "company"]


def same_for_all(values: npt.NDArray[Any]) -> bool:
    """Return whether nearly all rows have one value, where there are enough to tell; missing ones count as equal."""
    if len(values) < _FEW:
        return False
    _, counts = np.unique(values, return_counts=True)
    return bool(counts.max() >= 0.95 * len(values))


def top_reasons(
    contributed: Floats, X: npt.NDArray[Any], places: Sequence[FeaturePlace], *, n_reasons: int = 3
) -> pa.Table:
    """Gather contributions into causes and name the largest that raise the risk.

    Contributions of one cause add up over all its features, so that correlated features share one reason. Where the
    customer's figures do not bear a cause out, it counts :data:`UNPROVEN_WEIGHT` times what it contributes; so does a
    source of a cause, when one is chosen to give the figures. Among twice ``n_reasons`` causes that contribute most,
    the first by that measure are named.

    Parameters
    ----------
    contributed : ndarray of float64, shape (n_rows, n_features)
    X : ndarray, shape (n_rows, n_features)
    places : sequence of FeaturePlace
        What the columns are about.
    n_reasons : int, optional
    """
    groups = list(dict.fromkeys((place.cause, place.source) for place in places))
    group_of = {group: at for at, group in enumerate(groups)}
    by_group = _sums(contributed, [group_of[place.cause, place.source] for place in places], len(groups))
    named = list(dict.fromkeys(cause for cause, _ in groups))
    by_cause = _sums(by_group, [named.index(cause) for cause, _ in groups], len(named))
    is_near = by_cause > 0
    np.put_along_axis(is_near, _descending(by_cause)[:, 2 * n_reasons :], False, axis=1)
    weighted, codes = np.full(by_cause.shape, -np.inf), np.full(by_cause.shape, None, dtype=object)
    for number, cause in enumerate(named):
        rows = np.flatnonzero(is_near[:, number])
        codes[rows, number], is_proven = _codes(cause, rows, by_group, groups, X, places)
        weighted[rows, number] = by_cause[rows, number] * np.where(is_proven, 1.0, UNPROVEN_WEIGHT)
    texts = np.full((len(contributed), max(n_reasons, len(named))), None, dtype=object)
    texts[:, : len(named)] = np.take_along_axis(codes, _descending(weighted), axis=1)
    return pa.table({f"reason_{k + 1}": pa.array(texts[:, k].tolist(), pa.string()) for k in range(n_reasons)})


def _descending(values: Floats) -> npt.NDArray[np.intp]:
    """Return the places by value, largest first; a stable sort keeps the order of the features where values tie."""
    return np.argsort(-values, axis=1, kind="stable")


def _sums(values: Floats, group: Sequence[int], n_groups: int) -> Floats:
    """Add up columns by group, one after the other, so that the sum does not depend on how rows are batched."""
    sums = np.zeros((len(values), n_groups))
    for column, number in enumerate(group):
        sums[:, number] += values[:, column]
    return sums


def _codes(
    cause: str,
    rows: npt.NDArray[np.intp],
    by_group: Floats,
    groups: Sequence[tuple[str, str]],
    X: npt.NDArray[Any],
    places: Sequence[FeaturePlace],
) -> tuple[Texts, npt.NDArray[np.bool_]]:
    """Return the machine form of one cause for some rows, and whether figures bear it out."""
    best = np.full(len(rows), -np.inf)
    codes, is_proven = np.full(len(rows), "", dtype=object), np.zeros(len(rows), dtype=bool)
    for at, (_, source) in ((at, group) for at, group in enumerate(groups) if group[0] == cause):
        evidence = Evidence(X, places, source, cause, rows)
        facts = facts_of(evidence)
        proven = facts != ""
        contributed = by_group[rows, at]
        weighted = np.where(proven | (contributed <= 0), contributed, UNPROVEN_WEIGHT * contributed)
        mine = np.flatnonzero(weighted > best)
        best[mine], is_proven[mine] = weighted[mine], proven[mine]
        told = np.where(proven, facts, background_of(evidence))[mine]
        of_class = next(place.source_class for place in places if place.source == source)
        names = [cause if sure else UNPROVEN_CAUSE.get(cause, cause) for sure in proven[mine]]
        heads = {name: reason_code(name, source, of_class=of_class) for name in dict.fromkeys(names)}
        codes[mine] = [f"{heads[name]};{text}" if text else heads[name] for name, text in zip(names, told, strict=True)]
    return codes, is_proven
