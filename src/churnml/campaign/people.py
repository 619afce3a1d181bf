"""The customers a campaign decides about, by id: what is known of each, as columns of one length."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.economics import risk_bands
from churnml.campaign.plan import CampaignPlan
from churnml.campaign.tiers import value_tiers
from churnml.errors import DataError
from churnml.reasons.causes import cause_control, causes, reason_causes
from churnml.timeline import us_to_date

__all__ = ["PERSONAL", "REASONS", "People", "people_of"]

Floats = npt.NDArray[np.float64]

PERSONAL = ("name", "owner", "language")
REASONS = ("reason_1", "reason_2", "reason_3")
_REQUIRED = ("customer_id", "as_of", "p_churn", "clv", "model_version")


@dataclass(frozen=True, slots=True)
class People:
    """Every scored customer, in order of the ids.

    Parameters
    ----------
    ids : Array of string
    as_of_us : int
        Instant of the scores, and the same as a day in the campaign's zone in ``as_of``.
    as_of : date
    model_version : str
    scores : Table
        As given, in order.
    p_churn, clv : ndarray
        NaN = not at risk, or not known.
    p_leave : ndarray
        Probability of leaving that can still be prevented: ``p_churn`` where the scores tell no other.
    at_stake : ndarray
        Value at risk; NaN = not known.
    lost : ndarray
        What is lost with a customer who leaves, in money: ``clv`` where the scores tell no other.
    is_scored : ndarray of bool
        False for whom the scores leave out on purpose.
    tier, segment, cause, strata : Array of string
        Value tier; level of the campaign's segment; cause of the first reason; stratum of the hold-out.
    control : ndarray of str
        Whose doing the cause is; empty = no cause.
    attributes : Table
        What rules may ask for: columns of the scores, of the customers, and ``cause``.
    personal : Table
        Contact details by role, in the same order; nulls for who has no row.
    """

    ids: pa.Array
    as_of_us: int
    as_of: date
    model_version: str
    scores: pa.Table
    p_churn: Floats
    clv: Floats
    p_leave: Floats
    at_stake: Floats
    lost: Floats
    is_scored: npt.NDArray[np.bool_]
    tier: pa.Array
    segment: pa.Array
    cause: pa.Array
    strata: pa.Array
    control: npt.NDArray[np.object_]
    attributes: pa.Table
    personal: pa.Table


def people_of(
    scores: pa.Table, contacts: pa.Table | None, attributes: pa.Table | None, *, plan: CampaignPlan
) -> People:
    """Put together what is known of every scored customer.

    Raises
    ------
    DataError
        If the scores cannot be used: none, a column missing, a customer twice, several dates or models.
    """
    _check(scores)
    scores = scores.sort_by("customer_id").combine_chunks()
    ids = scores["customer_id"].combine_chunks().cast(pa.string())
    p_churn, clv = _floats(scores["p_churn"]), _floats(scores["clv"])
    as_of_us = int(scores["as_of"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())[0].as_py())
    bands = _given(scores, "risk_band", pa.array(risk_bands(p_churn, thresholds=plan.risk_bands)))
    tier = pc.fill_null(_given(scores, "value_tier", pa.array(value_tiers(clv))), "C")
    none = pa.nulls(len(ids), pa.string())
    cause = reason_causes(_given(scores, REASONS[0], none))
    known = _beside(ids, attributes)
    segment = _given(known, plan.segment, none) if plan.segment else none
    columns = {name: scores[name] for name in scores.column_names} | {"value_tier": tier, "risk_band": bands}
    columns["value_at_risk"] = _given(scores, "value_at_risk", pa.array(p_churn * clv, mask=np.isnan(p_churn * clv)))
    p_leave = np.where(np.isnan(p_churn), np.nan, _floats(_given(scores, "p_leave", pa.array(p_churn))))
    saved = _floats(_given(scores, "value_at_stake", pa.array(p_leave * clv)))
    return People(
        ids=ids,
        as_of_us=as_of_us,
        as_of=us_to_date(as_of_us, timezone=plan.timezone),
        model_version=scores["model_version"][0].as_py(),
        scores=scores,
        p_churn=p_churn,
        clv=clv,
        p_leave=p_leave,
        lost=np.divide(saved, p_leave, out=np.maximum(clv, 0.0), where=p_leave > 0),
        at_stake=_floats(columns["value_at_risk"]),
        is_scored=pc.is_valid(bands).to_numpy(zero_copy_only=False),
        tier=tier,
        segment=segment,
        cause=cause,
        strata=pc.binary_join_element_wise(tier, pc.fill_null(segment, ""), "/"),
        control=_controls(cause),
        attributes=pa.table({name: known[name] for name in known.column_names} | columns | {"cause": cause}),
        personal=_beside(ids, contacts),
    )


def _check(scores: pa.Table) -> None:
    missing = [name for name in _REQUIRED if name not in scores.column_names]
    if missing:
        raise DataError(
            "scores lack a column", rule="data.column_missing", column=missing[0], count=len(missing),
            next_step="Score again with this version.",
        )  # fmt: skip
    if not scores.num_rows:
        raise DataError("there are no scores", rule="data.no_rows", next_step="Score at least one customer.")
    if twice := scores.num_rows - len(pc.unique(scores["customer_id"])):
        raise DataError("customers are scored twice", rule="data.customer_twice", column="customer_id", count=twice)
    for name in ("as_of", "model_version"):
        values = pc.unique(scores[name])
        if len(values) > 1 or values.null_count:
            raise DataError(
                "scores are not all of one date and model", rule="data.mixed_scores", column=name, count=len(values)
            )


def _beside(ids: pa.Array, table: pa.Table | None) -> pa.Table:
    """Return the rows of a table in the order of the ids; nulls where it has none."""
    if table is None:
        return pa.table({"customer_id": ids})
    place = pc.index_in(ids, value_set=table["customer_id"].combine_chunks())
    return pa.table({name: ids if name == "customer_id" else table[name].take(place) for name in table.column_names})


def _controls(cause: pa.Array) -> npt.NDArray[np.object_]:
    """Return whose doing each cause is; empty where it is none of the catalogue's."""
    known = causes()
    distinct = pc.unique(cause)
    kinds = np.array([cause_control(c) if c in known else "" for c in distinct.to_pylist()], dtype=object)
    found: npt.NDArray[np.object_] = kinds[pc.index_in(cause, value_set=distinct).to_numpy()]
    return found


def _given(table: pa.Table, name: str, otherwise: pa.Array) -> pa.Array:
    if name not in table.column_names:
        return otherwise
    column = table[name]
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.cast(pa.string()) if pa.types.is_string(otherwise.type) else column


def _floats(column: pa.ChunkedArray | pa.Array) -> Floats:
    return pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()  # type: ignore[no-any-return]
