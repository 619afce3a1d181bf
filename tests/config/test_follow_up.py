"""The blocks that tell of owners and of outcomes."""

from __future__ import annotations

import pytest

from churnml.errors import ConfigError

OWNED = "    moves: {kind: spells, file: moves.csv, id: cid, start: begun, end: ended, categories: [owner]}\n"


@pytest.fixture
def given(load_with, histories_text):
    return lambda more: load_with(more, histories=histories_text + OWNED)


def test_owners_and_outcomes_are_read(given) -> None:
    params = given(
        "causes: {owners: {table: moves, column: owner}, handover_days: 90}\n"
        "outcomes: {columns: {outcome: Ergebnis}, words: {Zusage: accepted}, csv: {delimiter: ';'}}\n"
    )
    assert params.causes.owners is not None
    assert (params.causes.owners.table, params.causes.handover_days) == ("moves", 90)
    assert params.outcomes.words == {"Zusage": "accepted"}
    assert params.outcomes.csv is not None


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("causes: {owners: {table: move, column: owner}}", "causes.owners.table: no such table.*Did you mean moves"),
        ("causes: {owners: {table: news, column: owner}}", "causes.owners.table: no such table"),
        ("causes: {owners: {table: moves, column: ower}}", "causes.owners.column: not among the categories.*owner"),
        ("outcomes: {words: {Zusage: yes}}", r"outcomes\.words"),
        ("outcomes: {columns: {note: Notiz}}", r"outcomes\.columns"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(given, block: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        given(block + "\n")


def test_pauses_need_a_table_of_contacts_unless_they_are_told_of(given) -> None:
    block = "campaign: {cap: {contacts: 2, days: 30}, pause_days: {phone: 14}}\n"
    with pytest.raises(ConfigError, match=r"needs the past contacts.*outcomes\.are_contacts"):
        given(block)
    assert given(block + "outcomes: {are_contacts: true}\n").campaign.cap is not None
