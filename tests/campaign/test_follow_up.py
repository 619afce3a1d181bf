from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from churnml.campaign.follow_up import COUNTS, STATES, Breach, FollowUp, follow_up
from churnml.campaign.told import OUTCOMES, REACHED, TOLD_SCHEMA
from churnml.campaign.work import WorkList, work_rows

JUNE, JULY = date(2024, 6, 30), date(2024, 7, 7)


def listed(day: date, owners: dict[str, str | None], *, holdout: tuple[str, ...] = (), due: date | None = None):
    n = len(owners)
    contact = pa.table(
        {
            "customer_id": pa.array(owners, pa.string()),
            "owner": pa.array(owners.values(), pa.string()),
            "contact_by": pa.array([due] * n, pa.date32()),
        }
    )
    return WorkList("r", day, work_rows({"contact": contact, "holdout": pa.table({"customer_id": pa.array(holdout)})}))


def told(*rows: tuple[date, str, str, str]) -> pa.Table:
    """Return contacts of (list's day, customer, outcome, ISO time)."""
    cells = [
        {"list": "r", "as_of": day, "customer_id": who, "arm": "holdout" if who == "h" else "contact", "outcome": what}
        for day, who, what, _ in rows
    ]
    table = pa.Table.from_pylist(cells, schema=TOLD_SCHEMA)
    at = pa.array([when for *_, when in rows], pa.string()).cast(pa.timestamp("us", tz="UTC"))
    return table.set_column(5, TOLD_SCHEMA.field("at"), at)


def work(lists, contacts, *, day: date = date(2024, 7, 20)) -> FollowUp:
    return follow_up(lists, contacts, day=day, timezone="UTC")


def counts(row, *names: str):
    return [row[name] for name in names]


def test_the_last_contact_of_a_customer_counts() -> None:
    contacts = told(
        (JUNE, "a", "accepted", "2024-07-03T10:00Z"),
        (JUNE, "a", "not_reached", "2024-07-02T10:00Z"),
        (JUNE, "b", "not_reached", "2024-07-02T10:00Z"),
        (JUNE, "c", "done", "2024-07-02T00:00Z"),
        (JUNE, "c", "refused", "2024-07-02T00:00Z"),
    )
    found = work([listed(JUNE, {"a": "Ann", "b": "Ann", "c": "Bo", "d": "Bo"}, due=JULY)], contacts)
    (one,) = found.by_list
    assert counts(one, *STATES) == [0, 1, 1, 1, 0, 1]
    assert counts(one, "listed", "tried", "open", "overdue", "reached_rate") == [4, 3, 2, 2, 2 / 3]
    assert [(row["owner"], row["overdue"]) for row in found.by_owner] == [("Ann", 1), ("Bo", 1)]


def test_overdue_begins_on_the_day_after_the_last_one_to_contact_by() -> None:
    lists = [listed(JUNE, {"a": None}, due=JULY)]
    for day, overdue in ((JULY, 0), (JULY + timedelta(1), 1)):
        assert counts(work(lists, told(), day=day).by_list[0], "open", "overdue") == [1, overdue]


def test_open_work_moves_on_to_the_later_list_and_settled_work_does_not() -> None:
    lists = [listed(JUNE, dict.fromkeys("abc"), due=JUNE), listed(JULY, dict.fromkeys("ab"), due=JULY)]
    contacts = told((JUNE, "a", "done", "2024-07-01T00:00Z"), (JUNE, "b", "not_reached", "2024-07-01T00:00Z"))
    first, second = work(lists, contacts).by_list
    assert counts(first, "done", "carried", "untouched", "open", "overdue") == [1, 1, 1, 1, 1]
    assert counts(second, "listed", "untouched", "overdue") == [2, 2, 2]
    assert counts(work(lists, contacts, day=date(2024, 7, 6)).by_list[0], "done", "carried", "open") == [1, 0, 2]


def test_a_later_try_does_not_undo_that_somebody_held_out_was_reached() -> None:
    contacts = told((JUNE, "h", "done", "2024-07-01T00:00Z"), (JUNE, "h", "not_reached", "2024-07-02T00:00Z"))
    found = work([listed(JUNE, {"a": None}, holdout=("g", "h"))], contacts)
    assert counts(found.by_list[0], "listed", "held_out", "held_out_reached", "held_out_tried") == [1, 2, 1, 0]
    assert found.breaches == [Breach("r", JUNE, "h", "done", date(2024, 7, 1), "")]


@given(st.data())
def test_every_figure_is_that_of_a_plain_count_and_owners_add_up(data: st.DataObject) -> None:
    people = "abcdefgh"
    days = [JUNE, JULY]
    owner = st.sampled_from([None, "Ann", "Bo"])
    lists = [
        listed(day, data.draw(st.dictionaries(st.sampled_from(people), owner, min_size=1)), due=day) for day in days
    ]
    entry = st.tuples(st.sampled_from(days), st.sampled_from(people), st.sampled_from(OUTCOMES), st.integers(0, 30))
    rows = data.draw(st.lists(entry, max_size=12))
    contacts = told(
        *((day, who, what, f"2024-07-{hour // 24 + 8:02}T{hour % 24:02}:00Z") for day, who, what, hour in rows)
    )
    found = work(lists, contacts)
    last = {(day, who): what for day, who, what, _ in sorted(rows, key=lambda each: each[3])}
    for each, row in zip(lists, found.by_list, strict=True):
        on = each.table["customer_id"].to_pylist()
        assert row["listed"] == len(on) == sum(counts(row, *STATES))
        for what in REACHED:
            assert row[what] == sum(last.get((each.day, who)) == what for who in on)
        assert row["open"] == row["not_reached"] + row["untouched"] == row["overdue"]
    for day, group in groupby(found.by_owner, key=lambda row: row["as_of"]):
        owners = list(group)
        (whole,) = (row for row in found.by_list if row["as_of"] == day)
        assert {name: sum(row[name] for row in owners) for name in COUNTS} == {name: whole[name] for name in COUNTS}
