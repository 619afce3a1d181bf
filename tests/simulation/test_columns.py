"""Arrow columns over numpy memory hold what the slow way would hold."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from churnml.simulation.columns import customer_ids, instants, money, numbers, text


@given(st.lists(st.integers(-(10**16), 10**16)))
def test_money_is_exact(cents):
    column = money(np.array(cents, dtype=np.int64))
    column.validate(full=True)
    assert column.to_pylist() == [Decimal(c).scaleb(-2) for c in cents]


@given(st.lists(st.one_of(st.none(), st.integers(0, 100)), max_size=40))
def test_numbers_and_their_gaps(values):
    missing = np.array([value is None for value in values], dtype=bool)
    filled = np.array([value or 0 for value in values], dtype=np.int32)
    assert numbers(filled, missing=missing).to_pylist() == values


def test_codes_become_texts_and_negative_codes_are_missing():
    assert text(np.array([1, -1, 0]), ("yes", "no", "")).to_pylist() == ["no", None, "yes"]
    assert text(np.array([0, 1]), ("李", "Li")).to_pylist() == ["李", "Li"]


def test_ids_are_numbered_from_one_with_seven_digits():
    assert customer_ids(99_999, 2).to_pylist() == ["C0099999", "C0100000"]


def test_instants_are_utc():
    column = instants(np.array([0, 1]), missing=np.array([False, True]))
    assert column.type == pa.timestamp("us", tz="UTC")
    assert column.is_null().to_pylist() == [False, True]
