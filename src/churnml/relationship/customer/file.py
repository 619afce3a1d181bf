"""The customer's file put together: one nested record of plain values that page, Markdown and JSON are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churnml.reasons.causes import cause_control
from churnml.reasons.sentences import reason_sentence
from churnml.relationship.customer.issues import latest_answers, open_issues
from churnml.relationship.customer.rows import CustomerRows
from churnml.relationship.customer.summary import (
    attributes,
    by_quarter,
    contracts,
    latest_rows,
    table_summary,
    tenure_days,
)
from churnml.relationship.roles import Roles
from churnml.timeline import us_to_iso
from churnml.wording import LANGUAGES

__all__ = ["customer_file", "reasons_in_words"]

_N_LATEST = 15


def customer_file(
    rows: CustomerRows,
    *,
    roles: Roles,
    waiting: Mapping[str, Any] | None,
    score: Mapping[str, Any] | None,
    risk: Sequence[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
    changes: Sequence[Mapping[str, Any]],
    currency: str,
    contacts: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return everything that is known of a customer and may be told to who looks after them.

    Contact data stand on lists, not here.

    Parameters
    ----------
    rows : CustomerRows
    roles : Roles
        Which tables are purchases and surveys.
    waiting : mapping or None
        See :func:`churnml.relationship.customer.issues.waiting_for`.
    score : mapping or None
        The customer's row of the scores, plain values; None where not scored.
    risk : sequence of mapping
        ``date``, ``p_churn`` and ``basis`` of each observation, ascending.
    decisions : sequence of mapping
        What lists decided, newest first.
    changes : sequence of mapping
        Company changes that concern the customer, newest first.
    currency : str
    contacts : sequence of mapping, optional
        What was told of contacts, newest first.

    Returns
    -------
    dict
        Keys ``customer_id``, ``as_of``, ``currency``, ``attributes``, ``loyalty``, ``value``, ``risk``, ``reasons``,
        ``open_issues``, ``history``, ``quarters``, ``contracts``, ``latest``, ``lists``, ``contacts``,
        ``company_changes``, ``missing``. The same rows give the same record.
    """
    events, spells = rows.of_kind("events"), rows.of_kind("spells")
    every_contract = [contract for name in spells for contract in contracts(name, rows)]
    answers = latest_answers(rows, roles.surveys)
    return {
        "customer_id": rows.customer,
        "as_of": us_to_iso(rows.at),
        "currency": currency,
        "model_version": score and score["model_version"],
        "attributes": attributes(rows),
        "loyalty": _loyalty(rows, roles.purchases, every_contract, answers),
        "value": _value(score),
        "risk": _risk(score) | {"over_time": [dict(each) for each in risk]},
        "reasons": reasons_in_words([score[f"reason_{place}"] for place in (1, 2, 3)] if score else []),
        "open_issues": open_issues(rows, answers, waiting),
        "history": [table_summary(name, rows) for name in (*events, *spells)],
        "quarters": {name: by_quarter(name, rows) for name in events if rows.tables[name].num_rows},
        "contracts": every_contract,
        "latest": latest_rows(rows, n=_N_LATEST),
        "lists": [dict(each) for each in decisions],
        "contacts": [dict(each) for each in contacts],
        "company_changes": [dict(each) for each in changes],
        "missing": _missing(score, answers, every_contract, risk),
    }


def reasons_in_words(codes: Sequence[str | None]) -> list[dict[str, Any]]:
    """Return each reason with its cause, who can act on it, and its sentence in every language."""
    found = []
    for code in codes:
        if code:
            cause = code.partition(";")[0]
            sentence = {language: reason_sentence(code, language) for language in LANGUAGES}
            found.append({"code": code, "cause": cause, "control": cause_control(cause), "sentence": sentence})
    return found


def _loyalty(
    rows: CustomerRows,
    main_table: str,
    every_contract: Sequence[Mapping[str, Any]],
    answers: list[dict[str, Any]],
) -> dict[str, Any]:
    n_bought = rows.tables[main_table].num_rows if main_table in rows.tables else None
    return {
        "tenure_days": tenure_days(rows),
        "table": main_table,
        "events": n_bought,
        "is_repeat": None if n_bought is None else n_bought > 1,
        "contracts_in_force": sum(contract["end"] is None for contract in every_contract),
        "answers": answers,
    }


def _value(score: Mapping[str, Any] | None) -> dict[str, Any]:
    names = ("clv", "clv_low", "clv_high", "value_at_risk", "value_at_stake", "value_tier")
    return {name: score and score[name] for name in names}


def _risk(score: Mapping[str, Any] | None) -> dict[str, Any]:
    names = ("p_churn", "p_leave", "risk_band", "expected_days", "contact_by")
    return {name: score and score[name] for name in names}


def _missing(
    score: Mapping[str, Any] | None,
    answers: Sequence[object],
    every_contract: Sequence[object],
    risk: Sequence[object],
) -> list[str]:
    """Return what is not known, so that nobody takes silence for a good sign."""
    is_absent = {
        "score": score is None or score["p_churn"] is None,
        "value": score is None or score["clv"] is None,
        "answers": not answers,
        "contracts": not every_contract,
        "risk_over_time": not risk,
    }
    return [name for name, absent in is_absent.items() if absent]
