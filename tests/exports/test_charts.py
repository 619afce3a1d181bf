from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.exports.charts import bar_chart, line_chart, nice_ticks


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20))
def test_ticks_span_the_values_evenly(values: list[float]) -> None:
    ticks = nice_ticks(values)
    slack = 1e-6 * max(map(abs, ticks))
    assert ticks[0] <= min(values) + slack
    assert ticks[-1] >= max(values) - slack
    assert 2 <= len(ticks) <= 8


def test_line_chart_leaves_out_what_is_not_finite_and_stays_inside() -> None:
    chart = line_chart({"a": ([0, 1, 2], [0.1, math.nan, 0.3])}, title="T", language="en")
    (line,) = chart.lines
    assert len(line.points) == 2
    assert all(chart.left <= x <= chart.right and chart.top <= y <= chart.bottom for x, y in line.points)


def test_diagonal_chart_has_the_same_axes_both_ways() -> None:
    chart = line_chart({"a": ([0.1, 0.2], [0.3, 0.4])}, title="T", language="en", diagonal=True, y_kind="percent")
    assert [m.text for m in chart.y_marks] == ["0.0%", "10.0%", "20.0%", "30.0%", "40.0%"]
    assert len(chart.x_marks) == len(chart.y_marks)


def test_bars_rise_from_zero_also_below_it() -> None:
    chart = bar_chart(["1", "2"], {"a": [2.0, -1.0], "b": [math.nan, 1.0]}, title="T", language="en")
    up, down, _ = chart.bars
    assert up.y + up.height == pytest.approx(down.y)
    assert up.height == pytest.approx(2 * down.height, abs=0.1)
    assert [name for _, name in chart.legend] == ["a", "b"]
