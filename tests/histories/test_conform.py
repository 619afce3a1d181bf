from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from churnml.histories.checks import Findings
from churnml.histories.conform import Conformer, number_column
from churnml.histories.contract import CsvDialect, TableContract


def conformed(
    at: pa.Array, *, timezone: str = "UTC", numbers: pa.Array | None = None, csv: CsvDialect | None = None
) -> tuple[pa.RecordBatch, Findings]:
    findings = Findings()
    columns = {"id": pa.array(["a"] * len(at)), "at": at}
    if numbers is not None:
        columns["n"] = numbers
    names = () if numbers is None else ("n",)
    contract = TableContract("t", "events", "t.parquet", id="id", time="at", numbers=names, csv=csv or CsvDialect())
    return Conformer(contract, timezone, findings).conform(pa.RecordBatch.from_pydict(columns)), findings


DAY = dt.datetime(2024, 7, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([dt.date(2024, 7, 1)]),
        pa.array([dt.date(2024, 7, 1)], pa.date64()),
        pa.array([dt.datetime(2024, 7, 1)], pa.timestamp("s")),  # noqa: DTZ001
        pa.array([dt.datetime(2024, 7, 1)], pa.timestamp("ms")),  # noqa: DTZ001
        pa.array([dt.datetime(2024, 7, 1)], pa.timestamp("ns")),  # noqa: DTZ001
        pa.array([DAY], pa.timestamp("us", "Asia/Shanghai")),
        pa.array(["2024-07-01"]),
        pa.array(["2024-07-01T02:00:00+02:00"]),
    ],
    ids=lambda column: str(column.type),
)
def test_every_kind_of_time_becomes_the_same_instant(column: pa.Array) -> None:
    batch, findings = conformed(column)
    assert batch["occurred_at"].to_pylist() == [DAY]
    assert findings.all == []


@pytest.mark.parametrize(
    ("local", "hour"),
    [("2024-07-01T00:00", 22), ("2024-01-01T00:00", 23), ("2024-10-27T02:30", 0), ("2024-03-31T03:00", 1)],
)
def test_local_times_follow_the_clock_of_their_zone(local: str, hour: int) -> None:
    batch, _ = conformed(pa.array([local]), timezone="Europe/Berlin")
    assert batch["occurred_at"][0].as_py().hour == hour


def test_a_time_that_a_clock_change_skips_is_read_as_the_earlier_one() -> None:
    batch, findings = conformed(pa.array(["2024-03-31T02:30"]), timezone="Europe/Berlin")
    assert batch["occurred_at"][0].as_py() <= dt.datetime(2024, 3, 31, 1, tzinfo=dt.UTC)
    assert findings.all == []


def test_a_time_beyond_the_calendar_is_no_time() -> None:
    batch, findings = conformed(pa.array([2**62], pa.int64()).cast(pa.timestamp("s")))
    assert batch["occurred_at"].null_count == 1
    assert [finding.severity for finding in findings.all] == ["error"]


def test_truth_values_are_counted_as_one_and_zero() -> None:
    batch, _ = conformed(pa.array(["2024-07-01"] * 3), numbers=pa.array([True, False, None]))
    assert batch[number_column("n")].to_pylist() == [1.0, 0.0, None]


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.5", ".", 1.5),
        (" -2 ", ".", -2.0),
        ("1e3", ".", 1000.0),
        ("1,5", ",", 1.5),
        ("1,5", ".", None),
        ("1.234", ",", None),
        ("1_000", ".", None),
        ("nan", ".", None),
        ("0x10", ".", None),
    ],
)
def test_numbers_in_text_are_read_strictly(text: str, decimal: str, value: float | None) -> None:
    dialect = CsvDialect(decimal=decimal)
    batch, findings = conformed(pa.array(["2024-07-01"]), numbers=pa.array([text]), csv=dialect)
    assert batch[number_column("n")].to_pylist() == [value]
    assert [finding.rule for finding in findings.all] == (["data.number_unreadable"] if value is None else [])
