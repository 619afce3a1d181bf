from __future__ import annotations

import inspect
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from churnml import progress
from churnml.progress import step


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr("time.monotonic", lambda: next(clock))


@pytest.mark.usefixtures("seconds")
def test_one_plain_line_a_step_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with step("read orders") as advance:
        for _ in range(4):
            advance(1000)
    assert capsys.readouterr() == ("", "read orders: 4,000 rows, 800/s, 5 s\n")


@pytest.mark.usefixtures("seconds")
def test_one_rewritten_line_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with step("sort orders", 8, unit="buckets") as advance:
        advance(2)
        advance(2)
    first, second, *_ = capsys.readouterr().err.split("\r")[1:]
    assert (first.strip(), second.strip()) == (
        "sort orders: 2 of 8 buckets, 2/s, 3 s left",
        "sort orders: 4 of 8 buckets, 2/s, 2 s left",
    )


@pytest.mark.usefixtures("seconds")
def test_what_is_in_all_may_be_estimated_meanwhile(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    estimates = iter([None, 4000])
    with step("read orders", lambda: next(estimates)) as advance:
        advance(1000)
        advance(1000)
    first, second, *_ = capsys.readouterr().err.split("\r")[1:]
    assert (first.strip(), second.strip()) == (
        "read orders: 1,000 rows, 1,000/s",
        "read orders: 2,000 of 4,000 rows, 1,000/s, 2 s left",
    )


def test_threads_count_together() -> None:
    with step("make features") as advance, ThreadPoolExecutor(4) as pool:
        list(pool.map(advance, [1] * 1000))
    assert inspect.getclosurevars(advance).nonlocals["done"] == 1000


def test_short_steps_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with step("read orders") as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_lengths_of_time_are_read_by_people() -> None:
    found = [progress._duration(seconds) for seconds in (0.4, 59, 61, 3600)]
    assert found == ["0 s", "59 s", "1 min 1 s", "60 min 0 s"]
