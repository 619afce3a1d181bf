from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pytest

from churnml.campaign.playbook import NONE, Playbook, PlaybookRow, make_playbook
from churnml.errors import ConfigError

ACTIONS, CAUSES = ["call", "email"], ["silence", "price"]


def made(*rows: str, has_segment: bool = True) -> Playbook:
    """Make a playbook of rows "cause,tier,segment,action[,priority[,words_en]]", the first of them in line 2."""
    names = ("cause", "value_tier", "segment", "action", "priority", "words_en")
    cells = [dict(zip(names, row.split(","), strict=False)) for row in rows]
    numbered = [PlaybookRow(line, row) for line, row in enumerate(cells, start=2)]
    return make_playbook(numbered, file="p.csv", actions=ACTIONS, causes=CAUSES, has_segment=has_segment)


def test_the_row_that_names_most_precisely_counts_in_any_order() -> None:
    rows = ["*,*,*,email", "*,A,*,call", "price,*,*,call|email", "price,*,gold,none", "*,*,gold,call"]
    cases = [("silence", "B", "tin"), ("silence", "A", "tin"), ("price", "A", "tin"), ("price", "A", "gold")]
    for order in permutations(rows):
        found = made(*order)
        assert [found.find(*case).actions for case in cases] == [("email",), ("call",), ("call", "email"), (NONE,)]
        assert found.find("silence", "C", "gold").actions == ("call",)
        assert found.find("silence", "A", "gold").actions == ("call",)


def test_apply_gives_actions_priority_and_words_by_customer() -> None:
    found = made("silence,*,*,email|call,2", "price,*,*,call,1,Ring", "price,C,*,none")
    columns = pa.array(["price", "silence", "price", None]), pa.array(["A", "B", "C", "A"]), pa.nulls(4, pa.string())
    allowed, priority, labels = found.apply(*columns, actions=ACTIONS)
    assert allowed.tolist() == [[True, False], [True, True], [False, False], [False, False]]
    assert (priority.tolist(), labels["en"].to_pylist()) == ([1, 2, 9, 9], ["Ring", None, None, None])


def test_customers_without_a_named_cause_have_rows_of_their_own_or_those_for_all() -> None:
    assert made("silence|price,*,*,call", "unknown,*,*,email").find(None, "A", None).actions == ("email",)
    assert made("*,*,*,call").find(None, None, None).actions == ("call",)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["silence,*,*,call"], r"p\.csv: cause price has no action\. Add a row"),
        (["silence,*,*,call", "price,A,*,call"], r"cause price has no action for value tier B in segments it does not"),
        (["silence,*,*,call", "price,*,gold,call"], r"cause price has no action for value tier A in segments it does"),
        (["*,*,*,cal"], r"p\.csv:2: action: no such action\. Did you mean call\?"),
        (["*,*,*,call", "pric,*,*,call"], r"p\.csv:3: cause: no such cause\. Did you mean price\?"),
        (["*,*,*,call", "price,D,*,call"], r"p\.csv:3: value_tier: no such value tier\. There are: A, B, C\."),
        (["*,*,*,"], r"p\.csv:2: action: has no action"),
        (["*,*,*,call|none"], r"p\.csv:2: action: says none and an action"),
        (["*,*,*,*"], r"p\.csv:2: action: no such action"),
        (["*,A|*,*,call"], r"p\.csv:2: value_tier: no such value tier"),
        (["*,*,*,call", "*,,,email"], r"p\.csv:3: says a case that line 2 says already"),
        (["*,*,*,call,0"], r"p\.csv:2: priority: is no whole number from 1 to 9"),
        (["*,*,*,call,soon"], r"p\.csv:2: priority: is no whole"),
        (["*,*,*,call|email,1,Ring"], r"p\.csv:2: action: has words, which would have to fit several actions"),
        (["*,*,*,call,1," + "x" * 201], r"p\.csv:2: words_en: is longer than 200"),
        (["*,*,*,call,1,a\x1bb"], r"p\.csv:2: words_en: is longer than 200 characters or not printable"),
    ],
)
def test_mistakes_are_told_with_line_and_suggestion(rows: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(*rows)


def test_a_segment_needs_segments_and_one_that_exists() -> None:
    with pytest.raises(ConfigError, match=r"p\.csv:3: segment: the campaign tells no segments apart"):
        made("*,*,*,call", "*,*,gold,email", has_segment=False)
    found = made("*,*,*,call", "*,*,gold,email")
    found.check_segments(["gold", "tin"])
    with pytest.raises(ConfigError, match=r"p\.csv:3: segment: no customer is of this segment\. Did you mean golden\?"):
        found.check_segments(["golden"])


def test_the_playbook_of_the_project_fits_its_campaign() -> None:
    from churnml.config import load_params
    from churnml.flow.playbook import read_playbook

    root = Path(__file__).parents[2]
    assert read_playbook(load_params(root / "params.yaml").campaign, root=root) is not None
