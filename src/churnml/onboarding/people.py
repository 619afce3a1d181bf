"""Columns that reach a list and never a model: how to contact somebody, and whether one may."""

from __future__ import annotations

from churnml.onboarding.columns import Facts
from churnml.onboarding.draft import Choice, Draft
from churnml.onboarding.names import cell_words, words_of

__all__ = ["NO_CONSENT", "consent_values", "give_contact", "names_a_person"]

NO_CONSENT = (
    "says how to reach somebody, and no column says who agreed: the list names ids, consent is checked elsewhere"
)
_NAMING = frozenset(
    {"name", "full", "first", "last", "sur", "company", "vorname", "nachname", "firma", "names", "surname"}
)


def give_contact(draft: Draft) -> None:
    """Choose the columns of contact and consent of a customers table; whatever else names a person is left out."""
    contact: dict[str, str] = {}
    consent: dict[str, str] = {}
    for facts in draft.source.facts.values():
        if facts.name in draft.used or facts.kind == "empty":
            continue
        channel = _consent_channel(facts)
        if channel and channel not in consent:
            consent[channel] = facts.name
            continue
        role = _contact_role(facts)
        if role and role not in contact:
            contact[role] = facts.name
        elif role or "address" in facts.hints or facts.is_email or "birth" in facts.hints:
            draft.left_out.setdefault(facts.name, "says who or where somebody is: never a feature")
    if contact and not consent:
        # Contact data without a word of consent would keep everybody off the list: ids alone are listed instead.
        draft.left_out |= dict.fromkeys(contact.values(), NO_CONSENT)
        contact = {}
    if contact:
        draft.roles["contact"] = Choice(contact, "reach a list, never a model")
    if consent:
        draft.roles["consent"] = Choice(consent, "any cell that is none of campaign.consent_values forbids")


def _consent_channel(facts: Facts) -> str | None:
    if "consent" not in facts.hints or facts.kind not in {"text", "flag", "number"} or facts.n_distinct > 12:
        return None
    named = next((channel for channel in ("sms", "push", "phone", "post", "email") if channel in facts.hints), None)
    return named or ("email" if "newsletter" in facts.name.lower() or "consent" in facts.hints else None)


def _contact_role(facts: Facts) -> str | None:
    if facts.is_email:
        return "email"
    if facts.is_phone:
        return "phone"
    if facts.kind == "text" and "owner" in facts.hints:
        return "owner"
    if facts.kind == "text" and "language" in facts.hints and facts.n_distinct <= 100:
        return "language"
    return "name" if facts.kind == "text" and names_a_person(facts) else None


def names_a_person(facts: Facts) -> bool:
    """Return whether a column holds names of people or companies, by its own name: `name`, but not `plan_name`."""
    others = set(words_of(facts.name)) - _NAMING
    return "name" in facts.hints and "id" not in facts.hints and (not others or "customer" in facts.hints)


def consent_values(draft: Draft | None) -> list[str]:
    """Return which cells of the consent columns allow contact, as they are written; empty where none does."""
    choice = draft.roles.get("consent") if draft is not None else None
    if draft is None or choice is None or not isinstance(choice.value, dict):
        return []
    found = {level for name in choice.value.values() for level in draft.source.facts[str(name)].levels}
    return sorted(level for level in found if level.strip().lower() in cell_words("yes"))
