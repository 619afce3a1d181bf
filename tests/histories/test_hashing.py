from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.histories import hashing
from churnml.histories.hashing import bucket_of, hash_column, hash_rows

TEXTS = ["a", "", None, "é"]
PINNED = [0x02C0BDBF481420F8, 0xF52A15E9A9B5E89B, 0xE220A8397B1DCDAF, 0x233403617480019E]
"""Buckets on disk, the rows trained on and the hold-out follow from these: another value moves customers."""
NULL = 0xE220A8397B1DCDAF
ONE = 0x5692161D100B05E5


def hashes(column: pa.Array) -> list[int]:
    return hash_column(column).tolist()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_text_hashes_to_pinned_values(kind: pa.DataType) -> None:
    assert hashes(pa.array(TEXTS).cast(kind)) == PINNED


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint64()], ids=str)
def test_whole_numbers_hash_alike_in_every_width(kind: pa.DataType) -> None:
    assert hashes(pa.array([1, None], kind)) == [ONE, NULL]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_floating_point_hashes_alike_in_every_width(kind: pa.DataType) -> None:
    assert hashes(pa.array([1.0, -0.0, 0.0, None], kind)) == [0x2A20CD80798DAE26, 0, 0, NULL]


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.timestamp("s"), pa.date32(), pa.time32("s")),
        *(pa.time64("us"), pa.duration("s")),
    ],
    ids=str,
)
def test_times_hash_by_their_count(kind: pa.DataType) -> None:
    assert hashes(pa.array([1, None], pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)) == [ONE, NULL]


@pytest.mark.parametrize(
    ("column", "pinned"),
    [
        (pa.array([True, False, None]), [0x3C9B864AD65C522E, 0xCBF4F60F5118BA18, NULL]),
        (pa.array([Decimal("1.00"), None], pa.decimal128(10, 2)), [0x8A46048B065C2BEA, NULL]),
        (pa.array([dt.date(1970, 1, 2)], pa.date64()), [0xAD45F38A19445F63]),
        (pa.nulls(2), [NULL, NULL]),
        (pa.array([], pa.string()), []),
        (pa.array([], pa.int64()), []),
    ],
    ids=["bool", "decimal", "date64", "null", "no text", "no number"],
)
def test_other_types_hash_to_pinned_values(column: pa.Array, pinned: list[int]) -> None:
    assert hashes(column) == pinned


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"\xff\xfe", b"\xff\xff", b"\xff\xfe"]),
        pa.array([[1], [2], [1]]),
        pa.array([{"a": 1}, {"a": 2}, {"a": 1}]),
        pa.array([b"ab", b"ac", b"ab"], pa.binary(2)),
        pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int32()), pa.array(["a", "b", "a"])),
    ],
    ids=["binary", "list", "struct", "fixed", "runs"],
)
def test_columns_without_a_role_tell_rows_apart_as_well(column: pa.Array) -> None:
    first, second, third = hashes(column)
    assert first == third != second


@given(st.lists(st.one_of(st.none(), st.text(max_size=6)), min_size=1, max_size=20), st.data())
def test_a_value_hashes_alike_wherever_it_stands(values: list[str | None], data: st.DataObject) -> None:
    column = pa.array(values, pa.string())
    start = data.draw(st.integers(0, len(values) - 1))
    assert hashes(column.slice(start)) == hashes(column)[start:]
    assert hashes(column.slice(start).dictionary_encode()) == hashes(column)[start:]


def test_compiled_loop_does_what_it_says() -> None:
    text = pa.array([name for name in TEXTS if name is not None], pa.large_string())
    offsets, data = np.frombuffer(text.buffers()[1], np.int64), np.frombuffer(text.buffers()[2], np.uint8)
    compiled, plain = np.zeros((2, len(text)), dtype=np.uint64)
    hashing._fnv1a(offsets[: len(text) + 1], data, compiled)
    with np.errstate(over="ignore"):
        hashing._fnv1a.py_func(offsets[: len(text) + 1], data, plain)
    assert compiled.tolist() == plain.tolist()
    assert compiled[0] == 0xAF63DC4C8601EC8C  # FNV-1a of "a", http://www.isthe.com/chongo/tech/comp/fnv/


def batch(**columns: list | pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})


def test_rows_are_told_apart_by_value_and_by_column() -> None:
    rows = {"a": ["x", "y", "x"], "b": [1, 1, 1]}
    first, second, third = hash_rows(batch(**rows)).tolist()
    assert first == third != second
    assert hash_rows(batch(a=["x"], c=[1]))[0] != first
    assert hash_rows(batch(a=["a"], b=[1]))[0] != hash_rows(batch(a=[None], b=[1]))[0]
    assert hash_rows(batch(a=["1"], b=["x"]))[0] != hash_rows(batch(a=["x"], b=["1"]))[0]


def test_in_02_rows_hash_alike_in_any_order_of_columns() -> None:
    rows = {"a": ["x", None], "b": [1, 2], "c": [0.5, None]}
    turned = dict(reversed(rows.items()))
    assert hash_rows(batch(**rows)).tolist() == hash_rows(batch(**turned)).tolist()


def test_a_missing_value_hashes_like_a_missing_column() -> None:
    assert hash_rows(batch(a=["x"], b=pa.nulls(1)))[0] == hash_rows(batch(a=["x"]))[0]


def test_bucket_of_a_customer_is_pinned() -> None:
    ids = pa.array([f"C{i:07d}" for i in range(8)])
    assert bucket_of(ids, n_buckets=4).tolist() == [1, 2, 0, 1, 1, 0, 2, 3]


def test_customers_spread_evenly() -> None:
    counts = Counter(bucket_of(pa.array([str(i) for i in range(8_000)]), n_buckets=8).tolist())
    assert set(counts) == set(range(8))
    assert max(counts.values()) < 1.15 * 1_000
