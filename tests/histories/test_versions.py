from __future__ import annotations

import dataclasses
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import DAY, TIME
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.errors import DataError
from churnml.histories.bucket import Bucket
from churnml.histories.checks import Findings
from churnml.histories.contract import TableContract
from churnml.histories.prepare import prepare
from churnml.histories.store import History, check_reaches_as_of, open_history
from churnml.histories.versions import superseded_at
from churnml.timeline import NEVER

AS_OF = 30
ORDERS = TableContract(
    "orders", "events", "orders.parquet", id="id", time="at", known_at="known", amount=("amount",), key=("line",)
)
GROUPED = dataclasses.replace(ORDERS, group=("invoice",))
PLANS = TableContract(
    "plans", "spells", "orders.parquet", id="id", time="at", known_at="known", end="end", key=("line",)
)
Line = tuple[int, int, int, int, int]  # line, invoice, happened, known, amount; the customer follows from the line


def prepared(
    root: Path, lines: list[Line], contract: TableContract, *, as_of: int = AS_OF, customers: list[str] | None = None
) -> tuple[History, Findings]:
    number, invoice, at, known, amount = zip(*lines, strict=True) if lines else ((),) * 5
    columns = {
        "id": pa.array(customers or [f"c{n % 3}" for n in number], pa.string()),
        "line": pa.array(number, pa.int64()),
        "invoice": pa.array([str(i) if i else None for i in invoice], pa.string()),
        "at": pa.array(at, TIME),
        "known": pa.array(known, TIME),
        "end": pa.array([k and k + 1 for k in known], TIME),
        "amount": pa.array(amount, pa.int64()),
    }
    (root / "raw").mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), root / "raw" / "orders.parquet")
    findings = Findings()
    options = {"root": root, "folder": "raw", "as_of": as_of, "timezone": "UTC", "findings": findings}
    prepare([contract], target=root / "out", **options)
    return open_history(root / "out"), findings


def usable_at(history: History, t: int) -> list[tuple[str, int, int]]:
    """Return customer, time and amount of what counts at an instant, from the store."""
    found = []
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        counts = (bucket.known_at("orders") <= t) & (t < bucket.known_until("orders"))
        who = np.repeat(bucket.customers.to_pylist(), np.diff(bucket.offsets("orders")))
        at, amount = bucket.instants("orders", "occurred_at"), bucket.money("orders")[0] // 10_000
        found += list(zip(who[counts].tolist(), at[counts].tolist(), amount[counts].tolist(), strict=True))
    return sorted(found)


def newest_lines(lines: list[Line], t: int) -> list[Line]:
    """Return, line by line, the version that was known last by an instant, where it has happened."""
    newest: dict[int, Line] = {}
    for line in lines:
        if line[3] <= t and (line[0] not in newest or newest[line[0]][3] < line[3]):
            newest[line[0]] = line
    return [line for line in newest.values() if line[2] <= t]


def grouped(lines: list[Line]) -> list[tuple[str, int, int]]:
    events = defaultdict(list)
    for line in lines:
        events[f"c{line[0] % 3}", line[1] or f"own {line[0]}"].append(line)
    return sorted((who, min(e[2] for e in event), sum(e[4] for e in event)) for (who, _), event in events.items())


instants = st.integers(0, 20)
some_lines = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 2), instants, instants, st.integers(1, 9)),
    max_size=12,
    unique_by=lambda line: (line[0], line[3]),
)


@given(lines=some_lines)
@settings(max_examples=25, deadline=None)
def test_the_version_known_last_counts_at_every_instant(lines: list[Line]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history, _ = prepared(Path(folder), lines, ORDERS)
        for t in range(22):
            assert usable_at(history, t) == sorted((f"c{n % 3}", at, a) for n, _, at, _, a in newest_lines(lines, t))


@given(lines=some_lines)
@settings(max_examples=25, deadline=None)
def test_an_event_of_corrected_lines_is_right_at_every_instant(lines: list[Line]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history, _ = prepared(Path(folder), lines, GROUPED)
        for t in range(22):
            assert usable_at(history, t) == grouped(newest_lines(lines, t))


@given(lines=some_lines, t=st.integers(0, 20))
@settings(max_examples=15, deadline=None)
def test_tl_04_what_becomes_known_later_changes_nothing_before(lines: list[Line], t: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, _ = prepared(Path(folder), lines, GROUPED)
        counted = usable_at(whole, t)
        early, _ = prepared(Path(folder), [line for line in lines if line[3] <= t], GROUPED)
        assert usable_at(early, t) == counted


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), max_size=25, unique=True), st.randoms())
def test_order_of_rows_does_not_choose_the_version(rows: list[tuple[int, ...]], random: object) -> None:
    customer, key, known, row_hash = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    found, n_ties = superseded_at(customer, 4, key, known, row_hash)
    for i, (c, k, since, h) in enumerate(rows):
        later = [(r[2], r[3]) for r in rows if r[:2] == (c, k) and (r[2], r[3]) > (since, h)]
        assert found[i] == (min(later)[0] if later else NEVER)
    assert n_ties == sum(any(r[:3] == q[:3] and r[3] > q[3] for r in rows) for q in rows)


def test_ties_are_counted_and_one_version_is_left(tmp_path: Path) -> None:
    history, findings = prepared(tmp_path, [(1, 1, 5, 5, 7), (1, 1, 5, 5, 8)], ORDERS)
    assert len(usable_at(history, 10)) == history.tables["orders"].n_rows == 1
    assert {f.rule: f.count for f in findings.all} == {"data.version_ties": 1}


def test_a_key_under_two_customers_is_refused(tmp_path: Path) -> None:
    lines = [(n, 1, 5, 5, 7) for n in (1, 2, 2, 3)]
    with pytest.raises(DataError, match=r"orders.parquet: line: key two customers in 1 of 4 rows") as found:
        prepared(tmp_path, lines, ORDERS, customers=["a", "a", "b", "b"])
    assert found.value.exit_code == 3


def test_rows_without_a_key_are_no_versions_of_one_another(tmp_path: Path) -> None:
    contract = dataclasses.replace(ORDERS, key=("line", "invoice"))
    history, _ = prepared(tmp_path, [(1, 0, 5, 5, 7), (1, 0, 6, 6, 8), (1, 2, 5, 5, 1), (1, 2, 5, 6, 2)], contract)
    assert [amount for _, _, amount in usable_at(history, 9)] == [2, 7, 8]


def test_the_end_of_a_spell_may_become_known_later(tmp_path: Path) -> None:
    history, _ = prepared(tmp_path, [(1, 0, 5, 5, 0), (1, 0, 5, 9, 0)], PLANS)
    bucket = next(b for b in (Bucket(history, n) for n in range(history.n_buckets)) if len(b.customers))
    assert bucket.has_second_clock("plans")
    assert list(zip(bucket.known_at("plans"), bucket.known_until("plans"), strict=True)) == [(5, 9), (9, NEVER)]
    assert bucket.instants("plans", "ended_at").tolist() == [6, 10]
    assert history.tables["plans"].rows_per_day.sum() == 2  # the newest version's start and end


def test_tl_04_a_stated_latency_says_when_rows_are_known(tmp_path: Path) -> None:
    lines = [(n, 1, n * DAY, n * DAY, 1) for n in range(1, 6)]
    late = dataclasses.replace(ORDERS, key=(), known_at="", latency_days=1.5)
    history, findings = prepared(tmp_path, lines, late, as_of=5 * DAY)
    assert {f.rule: f.count for f in findings.all} == {"data.after_as_of": 2}
    assert usable_at(history, 3 * DAY + DAY // 2 - 1) == [("c1", DAY, 1)]
    assert usable_at(history, 3 * DAY + DAY // 2) == [("c1", DAY, 1), ("c2", 2 * DAY, 1)]
    check_reaches_as_of(history, table="orders")


def test_tl_04_latency_fills_only_what_is_not_known(tmp_path: Path) -> None:
    late = dataclasses.replace(ORDERS, key=(), latency_days=1.0)
    history, _ = prepared(tmp_path, [(1, 1, 0, 0, 1), (1, 1, 1, None, 2)], late, as_of=9 * DAY)
    assert usable_at(history, 0) == [("c1", 0, 1)]
    assert usable_at(history, DAY) == [("c1", 0, 1)]
    assert usable_at(history, DAY + 1) == [("c1", 0, 1), ("c1", 1, 2)]
