from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from churnml.features import statistics
from churnml.features.statistics import FeatureStatistics, Figures

DAY = 86_400_000_000
TIME = pa.timestamp("us", tz="UTC")


def table(n_customers: int, n_dates: int = 2, first: int = 0, **columns: object) -> pa.Table:
    """Return a feature table: each customer at each date, columns given per row."""
    ids = [f"c{first + i}" for i in range(n_customers) for _ in range(n_dates)]
    dates = pa.array([30 * DAY * d for _ in range(n_customers) for d in range(n_dates)]).cast(TIME)
    plain = {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()}
    return pa.table({"customer_id": ids, "observation_date": dates, **plain})


def figures(*tables: pa.Table) -> Figures:
    gathered = FeatureStatistics()
    for each in tables:
        gathered.add(each)
    return gathered.finish()


def test_drift_is_the_newest_against_the_oldest_date_in_bins_of_the_oldest() -> None:
    # Ten customers, values 1 to 10: a bin each. At the second date the last has moved to the first bin.
    values = np.array([(i, 1 if i == 10 else i, i) for i in range(1, 11)], dtype=np.float32).ravel()
    found = figures(table(10, 3, x=values)).features["x"]
    expected = 0.1 * np.log(2) + (0.1 - 1e-4) * np.log(0.1 / 1e-4)
    assert found["drift"] == 0
    assert found["largest_step"] == pytest.approx(expected, rel=1e-5)
    assert found["step_date"] == "1970-01-31"


def test_missing_is_a_bin_of_its_own() -> None:
    values = np.tile(np.array([1.0, np.nan], dtype=np.float32), 50)
    found = figures(table(50, 2, x=values)).features["x"]
    assert found["missing_share"] == 0.5
    assert found["drift"] > 9
    assert found["flags"] == ["drift"]


def test_chance_alone_is_not_called_drift() -> None:
    rng = np.random.default_rng(1)
    found = figures(table(30, 2, x=rng.normal(size=60).astype(np.float32))).features["x"]
    assert found["drift"] > statistics.LARGE_DRIFT
    assert found["flags"] == []


def test_constant_and_empty_columns_are_marked() -> None:
    nothing, texts = np.full(40, np.nan, dtype=np.float32), pa.nulls(40, pa.string()).dictionary_encode()
    same, half = np.full(40, 3, dtype=np.float32), np.tile(np.array([3, np.nan], dtype=np.float32), 20)
    one = pa.array(["a"] * 40).dictionary_encode()
    found = figures(table(40, 1, nothing=nothing, texts=texts, same=same, half=half, one=one)).features
    flags = {name: entry["flags"] for name, entry in found.items()}
    assert flags == {"nothing": ["empty"], "texts": ["empty"], "same": ["constant"], "half": [], "one": ["constant"]}
    assert found["same"]["drift"] is None
    assert found["half"]["range"] == [3, 3, 3]


def test_figures_of_few_customers_are_not_shown() -> None:
    values = np.where(np.arange(40) < 18, 7, np.nan).astype(np.float32)
    levels = pa.array(["rare"] * 18 + ["common"] * 20 + [None] * 2).dictionary_encode()
    found = figures(table(20, 2, x=values, c=levels)).features
    assert "range" not in found["x"]
    assert found["c"]["levels"] == [{"level": "common", "share": 0.5}]
    assert "rare" not in str(found)


def test_the_sample_is_bounded_and_the_same_whatever_the_order_and_the_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "_MOST_ROWS", 150)
    rng = np.random.default_rng(2)
    tables = [
        table(
            40,
            3,
            first=40 * k,
            x=rng.normal(size=120).astype(np.float32),
            c=pa.array(rng.choice(["a", "b", "z"], 120)).dictionary_encode(),
        )
        for k in range(12)
    ]
    expected = figures(*tables)
    assert expected == figures(*tables[::-1])
    gathered = FeatureStatistics()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(gathered.add, tables))
    assert gathered.finish() == expected
    assert expected.n_rows == 1440
    assert 30 < expected.n_sampled <= 150
    assert expected.n_sampled == 3 * expected.n_customers


def test_own_dates_of_customers_are_compared_by_twelfths() -> None:
    rng = np.random.default_rng(3)
    days = pa.array(rng.permutation(240) * DAY).cast(TIME)
    rows = pa.table({"customer_id": [f"c{i}" for i in range(240)], "observation_date": days})
    rows = rows.append_column("x", pa.array(rng.normal(size=240).astype(np.float32)))
    found = figures(rows)
    assert found.dates[:2] == ("1970-01-01", "1970-01-21")
    assert len(found.dates) == 12


def test_no_rows_give_no_figures() -> None:
    assert figures().features == {}
    empty = table(1, 1, x=np.zeros(1, dtype=np.float32)).slice(0, 0)
    assert figures(empty, table(20, 1, x=np.zeros(20, dtype=np.float32))).n_sampled == 20
