"""What the data check says of a proposal, answered in the proposal: a role less, a day earlier, a finding borne."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churnml.onboarding.draft import GIVEN, Choice, Draft, Question
from churnml.onboarding.proposal import Proposal

__all__ = ["amend", "end_earlier", "notes_of"]

_UNREADABLE = {"data.number_unreadable", "data.number_not_finite", "data.amount_too_large", "data.column_type"}
_BORNE = {
    "data.gap",
    "data.scale_jump",
    "data.scale_of_file",
    "data.sentinel_date",
    "data.volume_drop",
    "data.after_as_of",
}
_OPTIONAL = ("known_at", "end", "planned_end", "joined", "scope", "value", "currency")
_NEEDED_TIMES = ("time", "start")
_MOST_NOTES = 12
_HALF_LOADED = "the days from here on look half loaded"


def amend(proposal: Proposal, findings: Sequence[Mapping[str, Any]]) -> bool:
    """Answer the errors of a data check.

    Parameters
    ----------
    proposal : Proposal
        Changed in place.
    findings : sequence of mapping
        Those of the report: ``rule``, ``severity``, ``table``, ``column``, ``figures``, ``meaning``.

    Returns
    -------
    bool
        Whether anything was changed: then another check is worth it.
    """
    errors = [finding for finding in findings if finding["severity"] == "error"]
    changed = [_answer(proposal, finding) for finding in errors]
    return any(changed)


def end_earlier(proposal: Proposal, findings: Sequence[Mapping[str, Any]]) -> bool:
    """Let the history of churn end before days that look half loaded, where nobody said when it ends; once.

    Returns
    -------
    bool
        Whether ``as_of`` was changed.
    """
    as_of, table = proposal.histories["as_of"], proposal.blocks["churn"]["table"].value
    if as_of.why in {_HALF_LOADED, GIVEN}:
        return False
    for finding in findings:
        if finding["rule"] == "data.last_days" and finding["table"] == table:
            proposal.histories["as_of"] = Choice(finding["figures"]["first"], _HALF_LOADED)
            return True
    return False


def _answer(proposal: Proposal, finding: Mapping[str, Any]) -> bool:
    rule, draft = str(finding["rule"]), proposal.draft(str(finding["table"]))
    if rule == "data.last_days":
        first = finding["figures"]["first"]
        proposal.histories["as_of"] = Choice(first, _HALF_LOADED)
        return True
    if rule in _BORNE:
        return _bear(proposal, finding)
    if draft is None:
        return False
    column = str(finding["column"])
    if rule == "data.id_blank":
        draft.roles["blank_ids"] = Choice("drop", "rows without an id: counted and left out")
        return True
    if rule in _UNREADABLE or rule in {"data.time_unreadable", "data.scope_unknown"}:
        return _without(proposal, draft, column, said=_said(finding))
    if rule == "data.customer_twice" and proposal.blocks["churn"]["table"].value != draft.name:
        proposal.drafts.remove(draft)
        proposal.left_out[draft.source.files[0]] = "several rows of one customer"
        return True
    return False


def _said(finding: Mapping[str, Any]) -> str:
    return f"{finding['count']:,} cells cannot be read as what the others are"


def _bear(proposal: Proposal, finding: Mapping[str, Any]) -> bool:
    rule, checks = str(finding["rule"]), proposal.blocks.setdefault("checks", {})
    if rule in checks:
        return False
    meaning = str(finding["meaning"]["en"])
    checks[rule] = Choice({"severity": "warning"}, meaning)
    proposal.questions.append(Question(f"checks.{rule}", f"{meaning}. Borne for now; mend the data where it is wrong"))
    return True


def _without(proposal: Proposal, draft: Draft, column: str, *, said: str) -> bool:
    """Take a column out of its roles; False where the table cannot do without."""
    if column in [draft.column(role) for role in (*_NEEDED_TIMES, "id")]:
        return False
    for role in [name for name in _OPTIONAL if draft.column(name) == column]:
        del draft.roles[role]
    draft.no_feature(column)
    amount = draft.roles.get("amount")
    if amount is not None and column in str(scalars(amount.value)):
        del draft.roles["amount"]
        _value_without_money(proposal, draft)
    draft.left_out[column] = said
    proposal.questions.append(Question(f"histories.tables.{draft.name}", f"column {column} was left out: {said}"))
    return True


def scalars(value: object) -> list[str]:
    """Return the columns an amount is read from."""
    if isinstance(value, dict):
        return [str(name) for names in value.values() for name in names]
    return [str(value)]


def _value_without_money(proposal: Proposal, draft: Draft) -> None:
    clv = proposal.blocks.get("clv", {})
    if clv and clv["table"].value == draft.name:
        clv["measure"] = Choice("count", "its money cannot be read")
        clv.pop("margin", None)


def notes_of(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is worth a look, for the end of the file: warnings with their counts, never a cell."""
    told = [f for f in findings if f["severity"] in {"error", "warning"}]
    lines = [f"{f['file']}: {f['column']}: {f['meaning']['en']}. {f['next_step']['en']}" for f in told[:_MOST_NOTES]]
    more = len(told) - len(lines)
    return [*lines, f"and {more} more: reports/check.html"] if more > 0 else lines
