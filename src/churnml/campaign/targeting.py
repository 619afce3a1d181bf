"""One decision per customer: contact, hold out, or leave out with the first reason that holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.consent import ConsentMode, Permissions, permit
from churnml.campaign.economics import expected_gain, n_affordable, risk_bands, value_tiers
from churnml.campaign.holdout import draw, walk
from churnml.campaign.plan import CampaignPlan
from churnml.errors import DataError
from churnml.timeline import DAY_US, days_to_us, us_to_date

__all__ = ["EXCLUSIONS", "Decisions", "Ranking", "decide"]

EXCLUSIONS = (
    "not_at_risk",
    "objected",
    "no_consent_recorded",
    "no_consent",
    "no_contact_data",
    "gain_not_positive",
    "over_budget",
    "over_capacity",
)
"""Why a customer is left out, in the order in which the reasons are looked at."""

_PERSONAL = ("name", "owner", "language")
_REASONS = ("reason_1", "reason_2", "reason_3")
_REQUIRED = ("customer_id", "as_of", "p_churn", "clv", "model_version")

Floats = npt.NDArray[np.float64]
Ranking = Literal["expected_gain", "probability"]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a campaign does with every customer.

    Parameters
    ----------
    table : Table
        ``customer_id``, ``decision`` (contact, holdout, excluded), ``exclusion`` (why left out), ``rank``, ``channel``,
        ``reach_at``, ``name``/``owner``/``language`` (where declared; all of these only for contacts), ``action``,
        ``contact_by``, ``p_churn``, ``risk_band``, ``clv``, ``value_at_risk``, ``value_tier``, ``expected_gain``,
        ``reason_1`` to ``reason_3``. Contacts by rank, then hold-outs by rank of gain, then the others by id.
    plan : CampaignPlan
    as_of : date
        Calendar day of the scores in the campaign's zone.
    model_version : str
    consent_mode : str
        See :class:`churnml.campaign.consent.Permissions`.
    consent : mapping
        Tallies per channel.
    ranking : str
        ``expected_gain``, or ``probability`` where the value of nobody at risk is known: then ``clv``,
        ``value_at_risk`` and ``expected_gain`` are null.
    """

    table: pa.Table
    plan: CampaignPlan
    as_of: date
    model_version: str
    consent_mode: ConsentMode
    consent: Mapping[str, Mapping[str, float]]
    ranking: Ranking = "expected_gain"

    def of(self, decision: str) -> pa.Table:
        """Return the rows of one decision."""
        return self.table.filter(pc.equal(self.table["decision"], decision))

    def total(self, column: str) -> float:
        """Return the sum of a column over the contacts, 0 where it has no value."""
        return float(pc.sum(self.of("contact")[column]).as_py() or 0.0)


def decide(scores: pa.Table, contacts: pa.Table | None, *, plan: CampaignPlan) -> Decisions:
    """Decide for every scored customer; the order of the rows changes nothing.

    Candidates are ranked by expected gain, ties by customer id. Walking down, each is drawn into contact or hold-out
    until capacity or budget is used up; hold-outs cost nothing, and nobody behind the last contact is held out.

    Where the value of nobody at risk is known, candidates are ranked by the customers expected to be kept,
    ``p_churn`` times effect, instead. A value missing for some only leaves those out: no gain can be shown for them.

    Parameters
    ----------
    scores : Table
        ``customer_id``, ``as_of``, ``p_churn`` (null = not at risk), ``clv``, ``model_version``; where present also
        ``risk_band``, ``value_tier``, ``value_at_risk``, ``contact_by``, ``reason_1`` to ``reason_3``.
    contacts : Table or None
        See :func:`churnml.campaign.consent.permit`.
    plan : CampaignPlan

    Raises
    ------
    DataError
        If there are no scores, a column is missing, a customer is scored twice, or the scores are of several dates or
        models.
    PrivacyError
        If too many consent values are unknown.
    """
    _check(scores)
    scores = scores.sort_by("customer_id").combine_chunks()
    customers = scores["customer_id"].combine_chunks()
    p_churn, clv = _floats(scores["p_churn"]), _floats(scores["clv"])
    gain = expected_gain(p_churn, clv, effect=plan.effect, cost=plan.cost)
    ranking = _ranking(p_churn, clv)
    worth = gain if ranking == "expected_gain" else p_churn * plan.effect
    allowed = permit(customers, contacts, plan=plan)
    exclusion = np.select(
        [np.isnan(p_churn), allowed.reason != "", ~(worth > 0)],
        [_texts(gain, "not_at_risk"), allowed.reason, _texts(gain, "gain_not_positive")],
        default="",
    ).astype(object)
    ranked = np.flatnonzero(exclusion == "")
    ranked = ranked[np.argsort(-worth[ranked], kind="stable")]
    decision = _texts(gain, "excluded")
    decision[ranked], exclusion[ranked] = _arms(customers.take(pa.array(ranked)).to_pylist(), plan)
    order = _order(decision, ranked)
    table = _table(scores, contacts, plan, allowed, p_churn, clv, gain, decision, exclusion).take(pa.array(order))
    as_of = int(scores["as_of"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())[0].as_py())
    latest = us_to_date(as_of + days_to_us(plan.contact_within_days), timezone=plan.timezone)
    own = scores["contact_by"].take(pa.array(order)) if "contact_by" in scores.column_names else None
    return Decisions(
        table=_with_rank_and_day(table, latest, own, plan=plan, as_of=as_of),
        plan=plan,
        as_of=us_to_date(as_of, timezone=plan.timezone),
        model_version=scores["model_version"][0].as_py(),
        consent_mode=allowed.mode,
        consent=allowed.tallies,
        ranking=ranking,
    )


def _ranking(p_churn: Floats, clv: Floats) -> Ranking:
    at_risk = ~np.isnan(p_churn)
    known = ~np.isnan(clv[at_risk] if at_risk.any() else clv)
    return "expected_gain" if known.any() else "probability"


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


def _arms(candidates: Sequence[str], plan: CampaignPlan) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return decision and exclusion of the candidates, in order of the ranking."""
    n_contacts, limit = n_affordable(budget=plan.budget, cost=plan.cost, capacity=plan.capacity)
    arm = walk(draw(candidates, campaign=plan.name, seed=plan.seed), share=plan.holdout_share, n_contacts=n_contacts)
    is_over = arm == "over"
    return np.where(is_over, "excluded", arm), np.where(is_over, limit, "")


def _order(decision: npt.NDArray[np.object_], ranked: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    contacts, holdouts = ranked[decision[ranked] == "contact"], ranked[decision[ranked] == "holdout"]
    return np.concatenate([contacts, holdouts, np.flatnonzero(decision == "excluded")])


def _table(
    scores: pa.Table,
    contacts: pa.Table | None,
    plan: CampaignPlan,
    allowed: Permissions,
    p_churn: Floats,
    clv: Floats,
    gain: Floats,
    decision: npt.NDArray[np.object_],
    exclusion: npt.NDArray[np.object_],
) -> pa.Table:
    """Put the decisions together, in the order of the scores; personal data only where contact is made."""
    listed = decision == "contact"
    columns: dict[str, Any] = {
        "customer_id": scores["customer_id"],
        "decision": pa.array(decision, pa.string()),
        "exclusion": _where(exclusion != "", exclusion),
        "channel": _where(listed, allowed.channel),
        "action": _where(listed, _texts(gain, plan.action)),
        "p_churn": _number(p_churn),
        "risk_band": _given(scores, "risk_band", lambda: risk_bands(p_churn, thresholds=plan.risk_bands)),
        "clv": _number(clv),
        "value_at_risk": _given(scores, "value_at_risk", lambda: _number(p_churn * clv)),
        "value_tier": _given(scores, "value_tier", lambda: value_tiers(clv)),
        "expected_gain": _number(gain),
    }
    columns |= {name: _given(scores, name, lambda: pa.nulls(len(gain), pa.string())) for name in _REASONS}
    if contacts is not None:
        if any(allowed.reach_at):
            columns["reach_at"] = _where(listed, allowed.reach_at)
        at = pc.index_in(scores["customer_id"], value_set=contacts["customer_id"].combine_chunks())
        for name in _PERSONAL:
            if name in contacts.column_names:
                columns[name] = pc.if_else(pa.array(listed), contacts[name].cast(pa.string()).take(at), None)
    return pa.table(columns)


def _with_rank_and_day(
    table: pa.Table, latest: date, own: pa.ChunkedArray | None, *, plan: CampaignPlan, as_of: int
) -> pa.Table:
    """Add rank and day of contact: each customer's own, but never after the campaign's last or on the day itself."""
    is_contact = pc.equal(table["decision"], "contact")
    ranks = pa.array(np.arange(1, table.num_rows + 1))
    days = pa.array([latest], pa.date32()).take(pa.array(np.zeros(table.num_rows, np.int64)))
    if own is not None:
        first = min(us_to_date(as_of + DAY_US, timezone=plan.timezone), latest)
        instants = pc.if_else(is_contact, own.cast(pa.int64()), None).to_pylist()
        wanted = [None if at is None else max(us_to_date(at, timezone=plan.timezone), first) for at in instants]
        days = pc.min_element_wise(days, pa.array(wanted, pa.date32()))
    table = table.append_column("rank", pc.if_else(is_contact, ranks, None))
    return table.append_column("contact_by", pc.if_else(is_contact, days, None))


def _given(scores: pa.Table, name: str, otherwise: Any) -> Any:
    return scores[name] if name in scores.column_names else pa.array(otherwise())


def _where(holds: npt.NDArray[np.bool_], texts: npt.NDArray[np.object_]) -> pa.Array:
    return pa.array(texts, pa.string(), mask=~(holds & (texts != "")))


def _number(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _floats(column: pa.ChunkedArray) -> Floats:
    return pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()  # type: ignore[no-any-return]


def _texts(like: Floats, text: str) -> npt.NDArray[np.object_]:
    return np.full(len(like), text, dtype=object)
