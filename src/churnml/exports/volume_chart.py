"""Rows over time as narrow bars, stretches that lack rows in another colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from churnml.exports.charts import Bar, Chart, Mark, nice_ticks
from churnml.wording import figure

__all__ = ["volume_chart"]

_MARKS = 6


def volume_chart(
    starts: Sequence[date],
    rows: Sequence[float],
    *,
    title: str,
    language: str,
    note: str = "",
    lacking: Sequence[tuple[date, date]] = (),
) -> Chart:
    """Lay out one bar a step.

    Parameters
    ----------
    starts : sequence of date, shape (n_steps,)
        First day of each step, ascending.
    rows : sequence of float, shape (n_steps,)
    title, language, note : str
    lacking : sequence of (date, date), optional
        First and last day of stretches to be marked.
    """
    empty = Chart(title, note, "", "", (), ())
    ticks = nice_ticks([0.0, *rows])
    unit = (empty.right - empty.left) / max(len(starts), 1)
    height = (empty.bottom - empty.top) / (ticks[-1] - ticks[0])
    ends = [*starts[1:], date.max]
    bars = []
    for at, (start, end, count) in enumerate(zip(starts, ends, rows, strict=True)):
        is_marked = any(first < end and start <= last for first, last in lacking)
        # What is lacking has no bar of its own: a low one says where.
        tall = max(count * height, 4.0 if is_marked else 0.0)
        text = f"{start.isoformat()}: {figure(count, 'whole', language)}"
        x = empty.left + unit * at
        bars.append(Bar(round(x, 2), round(empty.bottom - tall, 2), round(0.85 * unit, 2), tall, int(is_marked), text))
    every = max(1, math.ceil(len(starts) / _MARKS))
    return Chart(
        title=title,
        note=note,
        x_label="",
        y_label="",
        x_marks=tuple(
            Mark(round(empty.left + unit * (at + 0.5), 2), starts[at].strftime("%Y-%m"))
            for at in range(every // 2, len(starts), every)
        ),
        y_marks=tuple(
            Mark(round(empty.bottom - (tick - ticks[0]) * height, 2), figure(tick, "whole", language)) for tick in ticks
        ),
        bars=tuple(bars),
    )
