"""From tables as they were delivered to tables with kinds and roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from churnml.errors import ConfigError
from churnml.onboarding.draft import Choice, Draft, Question, Source, Wishes
from churnml.onboarding.entities import choose_ids, overlap
from churnml.onboarding.kinds import kind_of
from churnml.onboarding.roles import give_roles

__all__ = ["Ask", "drafts_of"]

Ask = Callable[[Question], str]
"""Gets a question with options, returns the one to take."""


def drafts_of(
    sources: Sequence[Source], wishes: Wishes, ask: Ask
) -> tuple[list[Draft], dict[str, str], list[Question]]:
    """Return the tables with their roles, the files that become none and why, and what is open.

    Raises
    ------
    ConfigError
        If no column names customers.
    """
    ids, questions = choose_ids(sources)
    if wishes.id_column is not None:
        ids |= {s.name: Choice(wishes.id_column, "as given") for s in sources if wishes.id_column in s.facts}
        questions = [q for q in questions if not q.key.endswith(".id")]
    for question in questions:
        name = question.key.split(".")[2]
        ids[name] = Choice(ask(question), ids[name].why)
    if not ids:
        raise ConfigError(
            "no column names customers",
            rule="config.no_id",
            file=sources[0].files[0],
            next_step="Name it with --id COLUMN; a table without one needs a column with the id of the customer.",
        )
    drafts, left_out = [], {}
    for source in sources:
        draft = kind_of(source, ids.get(source.name), others=sources, ids=ids)
        if draft is None:
            left_out[source.files[0]] = (
                "no id of a customer" if source.name not in ids else "several rows per customer and no time"
            )
        else:
            drafts.append(draft)
    if not drafts:
        raise ConfigError(
            "rows of customers, and no column with times that can be read",
            rule="config.no_times",
            file=sources[0].files[0],
            next_step="Write times as 2024-06-30 18:00, or one row per customer.",
        )
    drafts, more = _one_customers_table(drafts)
    questions += _roles_of(drafts, ask)
    _tell_variants(drafts, questions)
    return drafts, left_out | more, questions


def _one_customers_table(drafts: list[Draft]) -> tuple[list[Draft], dict[str, str]]:
    """Keep of several tables with one row a customer the widest; there can be one."""
    found = [d for d in drafts if d.kind == "customers"]
    if len(found) < 2:
        return drafts, {}
    kept = max(found, key=lambda d: (d.source.n_rows, len(d.source.facts)))
    dropped = {
        d.source.files[0]: f"a second table with one row a customer: join it to {kept.source.files[0]}"
        for d in found
        if d is not kept
    }
    return [d for d in drafts if d.kind != "customers" or d is kept], dropped


def _roles_of(drafts: Sequence[Draft], ask: Ask) -> list[Question]:
    is_static = not any(d.kind in {"events", "spells"} for d in drafts)
    questions: list[Question] = []
    for draft in drafts:
        if is_static:
            # One row a customer and a ready label: all columns are of one date, as the label is.
            draft.keep_states = frozenset(draft.source.facts)
        for question in give_roles(draft):
            chosen, role = ask(question), question.key.rsplit(".", 1)[1]
            if chosen != draft.column(role):
                _take(draft, role, chosen)
            questions.append(question)
    return questions


def _take(draft: Draft, role: str, column: str) -> None:
    """Give a role to another column; the one that had it is left out."""
    before = draft.column(role)
    draft.roles[role] = Choice(column, "as chosen")
    draft.left_out.pop(column, None)
    draft.no_feature(column)
    if before is not None:
        draft.left_out[before] = f"not chosen as {role}"


def _tell_variants(drafts: Sequence[Draft], questions: list[Question]) -> None:
    """Tell where the tables write one id in two ways: with zeros in front, in other case, with blanks."""
    customers = next((d for d in drafts if d.kind == "customers"), None)
    if customers is None:
        return
    known = customers.facts("id")
    for draft in drafts:
        own = draft.facts("id")
        if draft is customers or own is None or known is None:
            continue
        plain, normal = overlap(own, known), overlap(own, known, normal=True)
        if normal - plain > 0.02:
            text = (
                f"{normal:.0%} of its ids are in {customers.name} when case, blanks and leading zeros are left out, "
                f"{plain:.0%} as they are written: bring them to one form before they are delivered"
            )
            questions.append(Question(f"histories.tables.{draft.name}.id", text))
