from __future__ import annotations

import pytest

from churnml.errors import ConfigError
from churnml.relationship.response.playbook import Alert, CrisisPlaybook, bind, make_crisis_playbook
from churnml.timeline import DAY_US, parse_instant

NAMES = ("alert", "action_en", "action_zh", "owner", "deadline", "message")
CALL = "losses,Call them,致电,Care,2d,holding"
NOW = parse_instant("2024-06-30", timezone="UTC")


def made(*rows: str) -> CrisisPlaybook:
    """Make a playbook of rows in the order of the columns, the first of them in line 2."""
    cells = [dict(zip(NAMES, row.split(","), strict=True)) for row in rows]
    return make_crisis_playbook(list(enumerate(cells, start=2)), file="c.csv")


def test_what_is_due_first_comes_first_and_runs_from_the_alert() -> None:
    playbook = made(CALL, "losses|finance,Decide,决策,Head,36h,internal", "activity,Look,查看,Ops,1d,internal")
    alerts = [Alert("losses", NOW - DAY_US, ("losses",)), Alert("finance", NOW, ("cash",))]
    found = bind(playbook, alerts, at=NOW + DAY_US)
    assert [(each["action"]["zh"], each["due_at"], each["is_past"]) for each in found] == [
        ("决策", "2024-06-30T12:00:00Z", True),
        ("致电", "2024-07-01", False),
        ("决策", "2024-07-01T12:00:00Z", False),
    ]
    assert [each["names"] for each in found] == [["losses"], ["losses"], ["cash"]]


def test_a_deadline_at_the_verdict_is_not_past() -> None:
    alert = Alert("losses", NOW - 2 * DAY_US, ("losses",))
    assert [[each["is_past"] for each in bind(made(CALL), [alert], at=NOW + late)] for late in (0, 1)] == [
        [False],
        [True],
    ]


def test_every_alert_that_is_left_out_is_named() -> None:
    made(CALL).check_covers(["losses"])
    with pytest.raises(
        ConfigError, match=r"c\.csv: alert: says nothing about .*: activity, refunds\. Agree"
    ) as refused:
        made(CALL).check_covers(["activity", "losses", "refunds"])
    assert (refused.value.exit_code, refused.value.count) == (2, 2)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("loses,Call,致电,Care,2d,holding", r"c\.csv:3: alert: no such alert\. Did you mean losses\?"),
        ("*,Call,致电,Care,2d,holding", r"c\.csv:3: alert: no such alert"),
        (",Call,致电,Care,2d,holding", r"c\.csv:3: alert: is empty"),
        ("activity,,致电,Care,2d,holding", r"c\.csv:3: action_en: is empty"),
        ("activity,Call,,Care,2d,holding", r"c\.csv:3: action_zh: is empty"),
        ("activity,Call,致电,,2d,holding", r"c\.csv:3: owner: is empty"),
        ("activity,Call,致电,Care,2,holding", r"c\.csv:3: deadline: is no number of hours or days\. Write 4h or 2d"),
        ("activity,Call,致电,Care,0h,holding", r"c\.csv:3: deadline"),
        ("activity,Call,致电,Care,2d,holdin", r"c\.csv:3: message: no such message\. Did you mean holding\?"),
        (CALL, r"c\.csv:3: action_en: stands for this alert in line 2 already"),
    ],
)
def test_a_row_that_says_nothing_clear_is_refused(row: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(CALL, row)
