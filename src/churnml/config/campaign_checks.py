"""Rules that span the block ``campaign`` and the tables: columns, channels and owners must be there to be asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from churnml.config.actions import Actions, ConsentHistory, Eligibility, Teams
from churnml.config.blocks import Treatments
from churnml.config.campaign import SCORED_COLUMNS, Campaign, Policy
from churnml.config.problems import KeyPath, Problem
from churnml.config.tables import CustomersTable, EventsTable, Histories
from churnml.errors import did_you_mean
from churnml.timeline import parse_instant

__all__ = ["campaign_problems"]


def campaign_problems(
    campaign: Campaign, histories: Histories, treatments: Treatments | None, *, is_told: bool = False
) -> Iterator[Problem]:
    """Yield what is wrong between the campaign and the tables it asks; ``is_told``: contacts are told of afterwards."""
    customers = next((t for t in histories.tables.values() if isinstance(t, CustomersTable)), None)
    numbers, categories = (customers.numbers, customers.categories) if customers is not None else ((), ())
    yield from _unknown(campaign.value_column, numbers, ("value_column",), "numbers")
    yield from _unknown(campaign.segment, categories, ("segment",), "categories")
    if campaign.consent is not None:
        yield from _consent_problems(campaign.consent, histories)
    yield from _history_problems(campaign, treatments, is_told=is_told)
    versions: list[tuple[KeyPath, Campaign | Policy]] = [((), campaign)]
    versions += [(("policies", place), policy) for place, policy in enumerate(campaign.policies)]
    for inside, rules in versions:
        yield from _action_problems(rules.actions or {}, campaign, customers, inside)
        yield from _team_problems(rules.teams or {}, customers, inside)
        yield from _eligibility_problems(rules.eligibility or (), numbers, categories, inside)
    yield from _order_problems(campaign, histories.timezone)


def _at(*keys: str | int) -> KeyPath:
    return ("campaign", *keys)


def _unknown(column: str | None, known: Sequence[str], keys: KeyPath, role: str) -> Iterator[Problem]:
    if column is not None and column not in known:
        yield Problem(
            _at(*keys),
            f"not among the {role} of the customers table",
            "config.column",
            did_you_mean(column, known) or f"Add the column to the {role} of the customers table.",
        )


def _consent_problems(consent: ConsentHistory, histories: Histories) -> Iterator[Problem]:
    table = histories.tables.get(consent.table)
    if not isinstance(table, EventsTable):
        near = did_you_mean(consent.table, list(histories.tables)) if table is None else None
        yield Problem(_at("consent", "table"), "no events table of that name", "config.table", near)
        return
    for role in ("channel", "value"):
        if (column := getattr(consent, role)) not in table.categories:
            yield Problem(
                _at("consent", role),
                f"not among the categories of histories.tables.{consent.table}",
                "config.column",
                did_you_mean(column, table.categories) or "Add the column to the categories of that table.",
            )


def _history_problems(campaign: Campaign, treatments: Treatments | None, *, is_told: bool) -> Iterator[Problem]:
    """Yield that pauses and caps ask for past contacts which are not declared."""
    asked = [name for name in ("cap", "pause_days") if getattr(campaign, name)]
    if asked and not is_told and (treatments is None or treatments.table is None):
        next_step = "Name the table of past contacts in treatments.table, or see outcomes.are_contacts."
        yield Problem(_at(asked[0]), "needs the past contacts", "config.missing_key", next_step)
    by_channel = any(channel != "any" for channel in campaign.pause_days)
    if by_channel and treatments is not None and treatments.channel is None:
        next_step = "Name the column that tells a contact's channel or action in treatments.channel."
        yield Problem(_at("pause_days"), "tells channels apart", "config.missing_key", next_step)


def _action_problems(
    actions: Actions, campaign: Campaign, customers: CustomersTable | None, inside: KeyPath
) -> Iterator[Problem]:
    consents = customers.consent.columns if customers is not None else {}
    for name, action in actions.items():
        if consents and campaign.consent is None and action.channel not in consents:
            yield Problem(
                _at(*inside, "actions", name, "channel"),
                "the customers table has no consent column for this channel, so nobody could be contacted on it",
                "config.consent",
                f"Declare it under consent, or use one of {', '.join(consents)}.",
            )
        if action.effect.by_segment and campaign.segment is None:
            place = _at(*inside, "actions", name, "effect", "by_segment")
            yield Problem(place, "needs campaign.segment", "config.missing_key", "Name the category it goes by.")


def _team_problems(teams: Teams, customers: CustomersTable | None, inside: KeyPath) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    has_owner = customers is not None and customers.contact.owner is not None
    for name, team in teams.items():
        place = _at(*inside, "teams", name, "owners")
        named = [owner for owner in team.owners if owner != "all"]
        if named and not has_owner:
            next_step = "Declare contact.owner of the customers table, or write owners: all."
            yield Problem(place, "the customers table has no owners", "config.column", next_step)
        for owner in named:
            for channel in team.per_day:
                if other := seen.get(key := f"{owner}\x1f{channel}"):
                    words = f"names an owner whose customers team {other} looks after on the same channel"
                    yield Problem(place, words, "config.conflict")
                seen[key] = name


def _eligibility_problems(
    rules: Sequence[Eligibility], numbers: Sequence[str], categories: Sequence[str], inside: KeyPath
) -> Iterator[Problem]:
    for number, rule in enumerate(rules):
        place = _at(*inside, "eligibility", number, "column")
        is_number = SCORED_COLUMNS.get(rule.column, rule.column in numbers)
        known = [*SCORED_COLUMNS, *numbers, *categories]
        if rule.column not in known:
            yield Problem(
                place,
                "neither a column of the scores nor a number or category of the customers table",
                "config.column",
                did_you_mean(rule.column, known),
            )
        elif is_number != rule.is_of_numbers:
            asked = "min or max" if is_number else "one_of or none_of"
            kind = "numbers" if is_number else "texts"
            yield Problem(place, f"is a column of {kind}", "config.conflict", f"Ask for {asked}.")


def _order_problems(campaign: Campaign, timezone: str) -> Iterator[Problem]:
    """Yield what is wrong with the dates and versions of the rules."""
    versions = [campaign.policy_version, *(policy.version for policy in campaign.policies)]
    starts = [parse_instant(policy.effective_from, timezone=timezone) for policy in campaign.policies]
    if campaign.effective_from is not None:
        starts = [parse_instant(campaign.effective_from, timezone=timezone), *starts]
    if len(set(versions)) < len(versions):
        yield Problem(_at("policies"), "names the same version twice", "config.twice")
    if starts != sorted(set(starts)):
        yield Problem(_at("policies"), "effective_from must ascend, each date once", "config.order")
