from __future__ import annotations

import numpy as np
import pytest

from churnml.histories.day_counts import N_BINS, MonthLevels, bin_size
from churnml.histories.levels import file_jumps, month_jump


def amounts(seed: int, n: int = 400, mean: float = 3.0) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(mean, 0.8, n))


def sizes(values: np.ndarray) -> np.ndarray:
    levels = MonthLevels()
    levels.add(values, None, "f")
    return levels.by_file["f"]


def months(values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(values)), np.array([sizes(v) for v in values])


def test_bins_say_what_size_they_hold() -> None:
    values = np.array([0.0001, 0.5, 1.0, 19.99, -250.0, 9e11])
    for value in values:
        at = np.flatnonzero(sizes(np.array([value])))
        assert len(at) == 1
        assert abs(bin_size(at + 0.5)[0] - np.log10(abs(value))) < 0.06
    assert sizes(np.array([0.0])).sum() == 0
    assert len(sizes(values)) == N_BINS


@pytest.mark.parametrize("factor", [100.0, 0.01, 10.0, 1000.0, 60.0])
def test_a_change_of_unit_is_found_with_its_months(factor: float) -> None:
    found = month_jump(*months([amounts(m) * (factor if m >= 7 else 1) for m in range(12)]))
    assert found is not None
    assert (found.first, found.last, found.count) == (7, 11, 5 * 400)
    assert found.factor == factor


def test_a_unit_that_comes_and_goes() -> None:
    found = month_jump(*months([amounts(m) * (100 if 4 <= m < 6 else 1) for m in range(12)]))
    assert found is not None
    assert (found.first, found.last) == (4, 5)


def test_a_unit_that_changes_in_mid_month() -> None:
    mixed = np.concatenate([amounts(7, n=200), amounts(8, n=200) * 100])
    found = month_jump(*months([amounts(m) * (100 if m > 7 else 1) if m != 7 else mixed for m in range(12)]))
    assert found is not None
    assert (found.first, found.last, found.factor) == (8, 11, 100.0)


def ordinary(kind: str, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    plain = [amounts(100 * seed + m) for m in range(18)]
    if kind == "growth":
        return [v * 1.1**m for m, v in enumerate(plain)]
    if kind == "prices doubled":
        return [v * (1 + (m > 8)) for m, v in enumerate(plain)]
    if kind == "sale":
        return [v * (0.4 if m == 10 else 1) for m, v in enumerate(plain)]
    if kind == "few values":
        return [v[: rng.integers(0, 30)] for v in plain]
    if kind == "wholesale begins":
        return [np.concatenate([v, amounts(m, mean=7.0)]) if m > 8 else v for m, v in enumerate(plain)]
    if kind == "wild":
        return [v * np.exp(rng.normal(0, 0.7)) for v in plain]
    return plain


@pytest.mark.parametrize("kind", ["", "growth", "prices doubled", "sale", "few values", "wholesale begins", "wild"])
def test_ordinary_changes_raise_no_alarm(kind: str) -> None:
    assert [s for s in range(15) if month_jump(*months(ordinary(kind, s)))] == []


def test_in_34_a_file_in_another_unit_is_found() -> None:
    found = file_jumps({"a.csv": sizes(amounts(1)), "b.csv": sizes(amounts(2) * 100)})
    assert [(jump.file, jump.other, jump.factor, jump.count) for jump in found] == [("b.csv", "a.csv", 100.0, 400)]
    many = {f"{i}.csv": sizes(amounts(i) * (0.001 if i == 2 else 1)) for i in range(6)}
    assert [(jump.file, jump.factor) for jump in file_jumps(many)] == [("2.csv", 0.001)]


def test_files_of_different_customers_are_no_other_unit() -> None:
    assert file_jumps({"shops.csv": sizes(amounts(1)), "wholesale.csv": sizes(amounts(2, mean=4.0))}) == []
    assert file_jumps({"a.csv": sizes(amounts(1)), "b.csv": sizes(amounts(2, n=20) * 100)}) == []
