from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from churnml.campaign.told_matching import BAD, UNMATCHED, TimedRow, Told, match_rows
from churnml.campaign.told_words import ToldWords
from churnml.campaign.work import WorkList, work_rows
from churnml.timeline import DAY_US, parse_instant

JUNE, JULY = date(2024, 6, 30), date(2024, 7, 7)
TODAY = date(2024, 7, 31)


def listed(name: str, day: date, *contact: str, holdout: tuple[str, ...] = ()) -> WorkList:
    arms = {"contact": pa.table({"customer_id": contact}), "holdout": pa.table({"customer_id": pa.array(holdout)})}
    return WorkList(name, day, work_rows(arms))


LISTS = [
    listed("notice", JULY, "b"),
    listed("retention", JUNE, "a", "b", holdout=("h",)),
    listed("retention", JULY, "a", "b", "c"),
    listed("winback", JUNE, "h"),
]


def row(customer: str | None = "a", outcome: str | None = "done", at: str | None = "2024-07-10", **more) -> TimedRow:
    instant = None if at in {None, "?"} else parse_instant(at, timezone="UTC")
    parts = {"owner": None, "channel": None, "listed": None} | more
    return TimedRow(2, customer, outcome, instant, at is not None, **parts)


def match(*rows: TimedRow) -> Told:
    return match_rows(rows, LISTS, told=ToldWords(), today=TODAY, timezone="UTC")


def test_a_contact_belongs_to_the_newest_list_that_is_not_later() -> None:
    found = match(row(at="2024-07-06T23:59"), row(at="2024-07-07"), row(at="2024-07-10")).rows
    assert found["as_of"].to_pylist() == [JUNE, JULY, JULY]


@pytest.mark.parametrize("text", ["retention-2024-06-30", "Retention 2024-06-30", "retention/2024-06-30"])
def test_a_row_may_name_the_list_and_its_day(text: str) -> None:
    assert match(row(listed=text)).rows["as_of"].to_pylist() == [JUNE]


def test_of_two_lists_the_one_with_something_to_do_is_meant() -> None:
    found = match(row("h"), row("h", listed="retention")).rows.to_pylist()
    assert [(each["list"], each["arm"]) for each in found] == [("winback", "contact"), ("retention", "holdout")]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row(None), "no_customer"),
        (row(outcome=None), "no_outcome"),
        (row(outcome="well"), "unknown_outcome"),
        (row(at=None), "no_time"),
        (row(at="?"), "unreadable_time"),
        (row(at="2024-08-01"), "later_than_today"),
        (row(listed="spring"), "unknown_list"),
        (row(listed="retention-2024-13-01"), "unknown_list"),
        (row("x"), "not_on_a_list"),
        (row("c", at="2024-07-01"), "before_the_list"),
        (row("b"), "several_lists"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_reason(bad: TimedRow, why: str) -> None:
    found = match(bad)
    assert found.rejected == ((bad, why),)
    assert not found.rows.num_rows
    assert why in (*BAD, *UNMATCHED)


def test_a_row_without_outcome_and_time_is_work_to_be_done() -> None:
    found = match(row(outcome=None, at=None), row())
    assert (found.n_open, found.rows.num_rows, found.rejected) == (1, 1, ())


def test_days_are_those_of_the_time_zone() -> None:
    late = TimedRow(2, "a", "done", parse_instant("2024-07-06T23:00", timezone="UTC"), True, None, None, None)
    found = match_rows([late], LISTS, told=ToldWords(), today=TODAY, timezone="Asia/Shanghai")
    assert found.rows["as_of"].to_pylist() == [JULY]


def test_a_note_in_the_owner_s_column_is_not_kept() -> None:
    assert match(row(owner="n" * 81), row(owner="Ann")).rows["owner"].to_pylist() == [None, "Ann"]


def test_what_is_kept_is_an_instant_in_utc() -> None:
    (at,) = match(row(at="2024-07-10T08:00")).rows["at"].to_pylist()
    assert at == datetime(2024, 7, 10, 8, tzinfo=UTC)
    assert at.timestamp() * 1e6 % DAY_US == 8 * 3.6e9
