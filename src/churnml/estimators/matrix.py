"""From a feature table to the matrix a model sees: aligned by name, categories as fixed level numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ModelError, did_you_mean

__all__ = ["KEYS", "FeatureSpec", "spec_of", "to_matrix"]

KEYS = ("customer_id", "observation_date")
"""Columns that say whose row it is; never features."""

MAX_LEVELS = 50
MIN_LEVEL_ROWS = 10
MIN_IDENTIFIER_LEVELS = 10
"""Up to this many levels a category is never taken for an identifier, however short the table."""


@dataclass(frozen=True)
class FeatureSpec:
    """What a model was trained on, in the order of its matrix columns.

    Parameters
    ----------
    names : tuple of str
        Feature columns, in matrix order.
    levels : mapping of str to tuple of str
        For each categorical feature its known levels, the most frequent first; a level's place is its number.
    dropped : mapping of str to str
        Columns left out and why: ``constant``, ``identifier`` or ``forbidden``.
    """

    names: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    dropped: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def categorical(self) -> list[int]:
        """Return the matrix columns that hold level numbers."""
        return [place for place, name in enumerate(self.names) if name in self.levels]


def spec_of(table: pa.Table, *, forbidden: Collection[str] = ()) -> FeatureSpec:
    """Decide from the training rows which columns are features and which levels categories have.

    Numbers stay as they are. A category keeps at most 50 levels, each seen in at least 10 rows; all others count
    as missing. Dropped are columns with one value or none, and categories that look like identifiers: more
    distinct values than half the customers. Their levels would be stored readable in the model.

    Parameters
    ----------
    table : pa.Table
        Training rows; ``customer_id`` and ``observation_date`` are passed over.
    forbidden : collection of str
        Columns that must not be used.

    Raises
    ------
    ModelError
        If a column is neither number nor text, or nothing is left to learn from.
    """
    names: list[str] = []
    levels: dict[str, tuple[str, ...]] = {}
    dropped: dict[str, str] = {}
    ids = table.column("customer_id") if "customer_id" in table.column_names else None
    n_customers = table.num_rows if ids is None else pc.count_distinct(ids).as_py()
    for name in table.column_names:
        if name in KEYS:
            continue
        column = table.column(name)
        is_category = _is_category(column.type, name=name)
        reason = "forbidden" if name in forbidden else _unfit(column, is_category=is_category, n_customers=n_customers)
        if reason is None and is_category:
            levels[name] = _levels(column)
            reason = None if len(levels[name]) else "constant"
        if reason is not None:
            levels.pop(name, None)
            dropped[name] = reason
        else:
            names.append(name)
    if not names:
        raise ModelError(
            "no usable feature: every column is constant, missing, forbidden or an identifier",
            rule="model.no_features",
            count=len(dropped),
            next_step="Add tables or columns that vary between customers.",
        )
    return FeatureSpec(tuple(names), levels, dropped)


def to_matrix(table: pa.Table, spec: FeatureSpec, *, strict: bool = False) -> npt.NDArray[np.float32]:
    """Lay the features of a table out as the model knows them; columns are found by name, their order is free.

    Parameters
    ----------
    table : pa.Table
        Feature rows.
    spec : FeatureSpec
        From the training rows.
    strict : bool
        Also refuse features the model does not know, except those it left out on purpose.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_features)
        Level numbers for categories; NaN for missing values and unknown levels.

    Raises
    ------
    ModelError
        If a feature is absent, of another type or infinite, or (strict) unknown.
    """
    _check_names(table, spec, strict=strict)
    matrix = np.empty((table.num_rows, len(spec.names)), dtype=np.float32)
    for place, name in enumerate(spec.names):
        column = table.column(name)
        if _is_category(column.type, name=name) != (name in spec.levels):
            raise ModelError(
                f"was {'text' if name in spec.levels else 'a number'} in training and is {column.type} now",
                rule="model.feature_type",
                column=name,
                next_step="Deliver the column as in training, or train again.",
            )
        if name in spec.levels:
            column = pc.index_in(_text(column), value_set=pa.array(spec.levels[name], pa.string()))
        matrix[:, place] = _numbers(column)
        n_infinite = int(np.isinf(matrix[:, place]).sum())
        if n_infinite:
            raise ModelError("infinite values", rule="model.feature_infinite", column=name, count=n_infinite)
    return matrix


def _check_names(table: pa.Table, spec: FeatureSpec, *, strict: bool) -> None:
    present = [name for name in table.column_names if name not in KEYS]
    if len(set(present)) < len(present):
        raise ModelError("two columns of one name", rule="model.feature_twice", count=len(present) - len(set(present)))
    absent = [name for name in spec.names if name not in present]
    known = {*spec.names, *spec.dropped}
    extra = [name for name in present if name not in known] if strict else []
    if absent or extra:
        parts = [f"{word} {_some(which)}" for word, which in (("missing", absent), ("unknown", extra)) if which]
        hint = did_you_mean(absent[0], present) if absent else None
        raise ModelError(
            f"features differ from the model's: {'; '.join(parts)}",
            rule="model.features_differ",
            count=len(absent) + len(extra),
            next_step=hint or "Build the features with the settings the model was trained with.",
        )


def _some(names: list[str], *, n_shown: int = 5) -> str:
    more = f" and {len(names) - n_shown} more" if len(names) > n_shown else ""
    return ", ".join(names[:n_shown]) + more


def _is_category(kind: pa.DataType, *, name: str) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_string(value) or pa.types.is_large_string(value):
        return True
    if value is kind and (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return False
    raise ModelError(
        f"a feature is a number or text, not {kind}",
        rule="model.feature_type",
        column=name,
        next_step="Leave the column out or convert it.",
    )


def _unfit(column: pa.ChunkedArray, *, is_category: bool, n_customers: int) -> str | None:
    if is_category:
        n_levels = pc.count_distinct(_text(column), mode="only_valid").as_py()
        if n_levels > max(n_customers / 2, MIN_IDENTIFIER_LEVELS):
            return "identifier"
        return "constant" if n_levels + (column.null_count > 0) < 2 else None
    values = _numbers(column)
    known = values[~np.isnan(values)]
    is_constant = known.size == 0 or (known.size == values.size and bool(known.min() == known.max()))
    return "constant" if is_constant else None


def _levels(column: pa.ChunkedArray) -> tuple[str, ...]:
    counts = pc.value_counts(_text(column).drop_null())
    pairs = [(-row["counts"], row["values"]) for row in counts.to_pylist() if row["counts"] >= MIN_LEVEL_ROWS]
    return tuple(level for _, level in sorted(pairs)[:MAX_LEVELS])


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = np.asarray(column.cast(pa.float32(), safe=False).to_numpy(), dtype=np.float32)
    return values
