from __future__ import annotations

from datetime import date

import pytest

from churnml.errors import ConfigError
from churnml.relationship.assessment.actions import follow_up, read_actions

HEAD = "action,owner,due,metric,expected_effect,started,done,group\n"
END = date(2024, 6, 30)


def register(*lines: str) -> bytes:
    return (HEAD + "\n".join(lines)).encode()


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("Call,Ann,2024-13-01,csat,0.1,,,", "due"),
        ("Call,Ann,,csat,0.1,,,", "due"),
        ("Call,Ann,2024-07-01,mood,0.1,,,", "metric"),
        ("Call,Ann,2024-07-01,csat,much,,,", "expected_effect"),
        ("Call,Ann,2024-07-01,csat,inf,,,", "expected_effect"),
        (",Ann,2024-07-01,csat,0.1,,,", "action"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column_and_not_quoted(line: str, column: str) -> None:
    with pytest.raises(ConfigError, match="actions") as caught:
        read_actions(register("Mail,Bo,2024-07-01,nps,2,,,", line), file="actions.csv")
    assert (caught.value.line, caught.value.column) == (3, column)
    assert "mood" not in str(caught.value)


def test_columns_are_checked() -> None:
    with pytest.raises(ConfigError, match="Did you mean owner"):
        read_actions(b"action,ownr,due,metric,expected_effect\n", file="a.csv")
    with pytest.raises(ConfigError, match="required column is missing"):
        read_actions(b"action,owner\n", file="a.csv")


def test_a_spreadsheet_with_semicolons_and_a_mark_in_front_is_read() -> None:
    data = "\ufeff" + HEAD.replace(",", ";") + "Call;Ann;2024-07-01;csat;0.1;;;\n;;;;;;;\n"
    (action,) = read_actions(data.encode(), file="a.csv")
    assert (action.action, action.metric, action.due) == ("Call", "csat", date(2024, 7, 1))


def test_status_and_effect() -> None:
    actions = read_actions(
        register(
            "Done,A,2024-05-01,csat,0.1,,2024-06-01,",
            "Late,A,2024-05-01,csat,0.01,2024-01-01,,",
            "Open,A,2024-08-01,churn,-0.1,2024-01-01,,",
            "Later,A,2024-08-01,csat,0.1,2024-07-15,,",
            "Done after,A,2024-08-01,csat,0.1,,2024-07-02,",
        ),
        file="a.csv",
    )
    rows = follow_up(
        actions,
        end=END,
        value=lambda metric, _: {"csat": 0.75, "churn": 0.2}[metric],
        baseline=lambda action: ("2023-12-31", 0.7) if action.metric == "csat" else None,
        known=[{"key": "Gone|csat|", "status": "open"}, {"key": "Old|csat|", "status": "done"}],
    )
    assert [row["status"] for row in rows] == ["done", "overdue", "open", "planned", "open", "dropped"]
    assert rows[0]["effect"] == pytest.approx(0.05)
    assert [row["is_reached"] for row in rows] == [False, True, None, False, False, None]
