"""What the churn model pointed to before each loss, judged among those observed on the same date, as scores are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ModelError
from churnml.estimators.artifact import LoadedModel
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.matrix import to_matrix
from churnml.parquet import read_parquet
from churnml.reasons.contributions import spread_rows
from churnml.reasons.ranking import ROWS_TO_COMPARE, RiskReasons, company_columns, same_for_all

__all__ = ["causes_before"]

Int64s = npt.NDArray[np.int64]


def causes_before(
    loaded: LoadedModel,
    path: Path,
    ids: Sequence[str],
    since: Int64s,
    *,
    kinds: Mapping[str, str],
    never_named: Sequence[str],
) -> list[str | None]:
    """Return the first cause the model gives at the newest observation before each loss; None where there is none.

    Parameters
    ----------
    loaded : LoadedModel
        The churn model.
    path : Path
        Features of the bucket that the customers lie in.
    ids : sequence of str
    since : ndarray of int64, shape (n_losses,)
        When each was lost, microseconds.
    kinds : mapping of str to str
        Table -> kind.
    never_named : sequence of str

    Raises
    ------
    ModelError
        If it is not a churn model.
    """
    if not isinstance(loaded.model, ChurnClassifier):
        raise ModelError("not a churn model", rule="model.kind", file="model.json", next_step="Train again.")
    rows = read_parquet(path)
    dates = rows["observation_date"].cast(pa.int64()).to_numpy()
    chosen = _newest_before(rows, dates, ids, since)
    model, spec = loaded.model, loaded.spec
    company = [spec.names.index(name) for name in company_columns(spec.names, kinds=kinds)]
    found: list[str | None] = [None] * len(ids)
    for date in np.unique(dates[chosen[chosen >= 0]]).tolist():
        everybody = np.flatnonzero(dates == date)
        seen = to_matrix(rows.take(pa.array(everybody[spread_rows(len(everybody), n_wanted=ROWS_TO_COMPARE)])), spec)
        alike = [spec.names[at] for at in company if same_for_all(seen[:, at])]
        losses = np.flatnonzero((chosen >= 0) & (dates[chosen] == date))
        named = RiskReasons(
            model.booster_,
            names=spec.names,
            alike=alike,
            kinds=kinds,
            n_reasons=1,
            categorical=spec.categorical,
            never_named=never_named,
            besides=model.extra_contributions,
        )(to_matrix(rows.take(pa.array(chosen[losses])), spec))
        for loss, code in zip(losses.tolist(), named["reason_1"].to_pylist(), strict=True):
            found[loss] = code and code.partition(";")[0]
    return found


def _newest_before(rows: pa.Table, dates: Int64s, ids: Sequence[str], since: Int64s) -> Int64s:
    """Return the row of each customer's newest observation by the time of the loss, -1 where there is none."""
    names = rows["customer_id"].cast(pa.string())
    wanted = np.flatnonzero(pc.is_in(names, value_set=pa.array(sorted(set(ids)), pa.string())).to_numpy())
    places: dict[str, list[int]] = {}
    for place, name in zip(wanted.tolist(), names.take(pa.array(wanted)).to_pylist(), strict=True):
        places.setdefault(name, []).append(place)
    newest = [
        max((p for p in places.get(name, ()) if dates[p] <= at), key=lambda p: dates[p], default=-1)
        for name, at in zip(ids, since.tolist(), strict=True)
    ]
    return np.array(newest, dtype=np.int64)
