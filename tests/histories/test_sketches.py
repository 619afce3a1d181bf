from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.histories.day_counts import DayCounts
from churnml.histories.hashing import hash_column
from churnml.histories.placeholders import TokenCounter
from churnml.histories.sketches import KeySample, LevelCounter, hash_ids
from churnml.timeline import DAY_US, NEVER, day_to_date, parse_instant, us_to_date


def normal(*texts: str) -> list[int]:
    return hash_ids(pa.array(texts, pa.string()))[1].tolist()


@pytest.mark.parametrize(
    ("one", "other"), [("AB-7", "ab-7"), (" x1 ", "x1"), ("007", "7"), ("7.0", "7"), ("000", "0"), ("0120.0", "120")]
)
def test_spellings_of_one_id_share_a_normal_form(one: str, other: str) -> None:
    raw = hash_ids(pa.array([one, other]))[0]
    assert raw[0] != raw[1]
    assert len(set(normal(one, other))) == 1


@settings(deadline=None)
@given(st.lists(st.text(alphabet="aB1.", min_size=1), unique=True))
def test_other_ids_do_not(texts: list[str]) -> None:
    def plain(text: str) -> str:
        text = text.lower()
        text = text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text
        return text.lstrip("0") or "0" if text.isdigit() else text

    assert len(set(normal(*texts))) == len({plain(text) for text in texts})


def test_slices_and_missing_ids_hash_alike() -> None:
    ids = pa.array(["a", None, "bc", ""])
    assert [part.tolist() for part in hash_ids(ids.slice(2))] == [part[2:].tolist() for part in hash_ids(ids)]
    assert hash_ids(ids)[2].tolist() == [2, 1, 4, 1]


def sample(keys: np.ndarray, order: np.ndarray, n_batches: int) -> KeySample:
    found = KeySample()
    for part in np.array_split(order, n_batches):
        times = (keys[part] % 1000).astype(np.int64)
        kinds = np.where(keys[part] % 3 == 0, -1, 1).astype(np.int8)
        found.add(keys[part], keys[part], np.ones(len(part), dtype=bool), times, kinds)
    return found


@pytest.mark.parametrize("n_keys", [10, 5_000, 200_000])
def test_what_is_kept_does_not_depend_on_the_order_of_rows(n_keys: int) -> None:
    rng = np.random.default_rng(n_keys)
    keys = hash_column(pa.array(rng.integers(n_keys, size=2 * n_keys)))
    one = sample(keys, np.arange(len(keys)), 3)
    other = sample(keys, rng.permutation(len(keys)), 7)
    order_1, order_2 = np.argsort(one.keys), np.argsort(other.keys)
    assert one.level == other.level
    assert np.array_equal(one.keys[order_1], other.keys[order_2])
    assert np.array_equal(one.figures[order_1], other.figures[order_2])
    n_distinct = len(np.unique(keys))
    assert abs(len(one.keys) * one.scale / n_distinct - 1) < (0.02 if one.level else 1e-12)
    assert one.figures[:, 0].sum() * one.scale == pytest.approx(len(keys), rel=0.02 if one.level else 0)


@pytest.mark.parametrize("n_levels", [1, 8, 3_000, 100_000])
def test_levels_are_counted_to_a_few_percent(n_levels: int) -> None:
    counter = LevelCounter.empty()
    hashes = hash_column(pa.array(np.arange(n_levels)))
    for part in np.array_split(np.concatenate([hashes, hashes]), 4):
        counter.add(part, len(part))
    assert counter.n_levels == pytest.approx(n_levels, rel=0.06)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.datetimes().map(lambda t: parse_instant(t, timezone="UTC")), min_size=1),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_days_are_those_of_the_zone(times: list[int], zone: str) -> None:
    inside = [t for t in times if parse_instant("1970-01-02", timezone="UTC") < t < 130 * 365 * DAY_US]
    counts = DayCounts(zone)
    counts.add(np.array([*inside, NEVER]))
    days, rows = counts.table()
    expected = sorted(us_to_date(t, timezone=zone) for t in inside)
    assert [day_to_date(int(day)) for day in np.repeat(days, rows)] == expected


def test_days_far_away_are_counted_too() -> None:
    counts = DayCounts("Asia/Shanghai")
    counts.add(np.array([parse_instant(text, timezone="Asia/Shanghai") for text in ("0001-06-01", "9999-12-31")]))
    days, rows = counts.table()
    assert [day_to_date(int(day)).year for day in days] == [1, 9999]
    assert rows.tolist() == [1, 1]


@pytest.mark.parametrize(("first", "pad", "n_rows"), [(1, 0, 0), (1, 5, 0), (10_000_000, 0, 1)])
def test_a_number_stands_for_nobody_only_where_it_fits_no_other(first: int, pad: int, n_rows: int) -> None:
    ids = [str(number).zfill(pad) for number in [*range(first, first + 12_000), 9999]]
    tokens = TokenCounter()
    _, hashes, shapes = hash_ids(pa.array(ids))
    tokens.add(hashes, shapes)
    assert tokens.n_rows(many_rows=20) == n_rows
