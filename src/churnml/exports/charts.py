"""Line and bar charts as plain coordinates; the page's template draws them as inline SVG, escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from churnml.wording import figure

__all__ = ["Bar", "Chart", "Line", "Mark", "bar_chart", "line_chart", "nice_ticks", "sparse_names"]

_WIDTH, _HEIGHT = 640.0, 340.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 28.0, 14.0, 52.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A tick: where it stands (pixels) and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A series: its name, the number of its colour, its points in pixels."""

    name: str
    colour: int
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """Return the points as SVG writes them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: corner, size (pixels), number of its colour, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart ready to be drawn."""

    kind: ClassVar[str] = "chart"
    title: str
    note: str
    x_label: str
    y_label: str
    x_marks: tuple[Mark, ...]
    y_marks: tuple[Mark, ...]
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    legend: tuple[tuple[int, str], ...] = ()
    diagonal: bool = False
    width: float = _WIDTH
    height: float = _HEIGHT
    left: float = _LEFT
    right: float = _WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = _HEIGHT - _BOTTOM


def line_chart(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    language: str,
    note: str = "",
    x_label: str = "",
    y_label: str = "",
    x_kind: str = "rate",
    y_kind: str = "rate",
    x_names: Sequence[str] | None = None,
    diagonal: bool = False,
) -> Chart:
    """Lay out lines with a mark at every point.

    Parameters
    ----------
    series : mapping of str to (xs, ys)
        Points that are not finite are left out.
    x_names : sequence of str, optional
        Names of the places 0, 1, 2, ...; without them x is a number axis.
    diagonal : bool, optional
        Both axes run from 0 to 1 or the largest value, with a dotted diagonal: reliability and gains charts.
    """
    points = {name: _finite(xs, ys) for name, (xs, ys) in series.items()}
    xs = [x for line in points.values() for x, _ in line]
    ys = [y for line in points.values() for _, y in line]
    if diagonal:
        xs = ys = [0.0, *xs, *ys]
    x_ticks = [float(i) for i in range(len(x_names))] if x_names else nice_ticks(xs)
    y_ticks = nice_ticks(ys)
    padding = 0.5 if x_names else 0.0
    at_x = _Scale(x_ticks[0] - padding, x_ticks[-1] + padding, _LEFT, _WIDTH - _RIGHT)
    at_y = _Scale(y_ticks[0], y_ticks[-1], _HEIGHT - _BOTTOM, _TOP)
    lines = tuple(
        Line(name, i % 6, tuple((at_x(x), at_y(y)) for x, y in line)) for i, (name, line) in enumerate(points.items())
    )
    texts = list(x_names) if x_names else [figure(x, x_kind, language) for x in x_ticks]
    return Chart(
        title=title,
        note=note,
        x_label=x_label,
        y_label=y_label,
        x_marks=tuple(Mark(at_x(x), text) for x, text in zip(x_ticks, texts, strict=True)),
        y_marks=tuple(Mark(at_y(y), figure(y, y_kind, language)) for y in y_ticks),
        lines=lines,
        legend=tuple((line.colour, line.name) for line in lines),
        diagonal=diagonal,
    )


def bar_chart(
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    language: str,
    note: str = "",
    x_label: str = "",
    y_label: str = "",
    y_kind: str = "rate",
) -> Chart:
    """Lay out groups of upright bars from zero, one group a name, one colour a series."""
    y_ticks = nice_ticks([0.0, *(y for ys in series.values() for y in ys if math.isfinite(y))])
    at_y = _Scale(y_ticks[0], y_ticks[-1], _HEIGHT - _BOTTOM, _TOP)
    step = (_WIDTH - _RIGHT - _LEFT) / max(len(names), 1)
    width = 0.8 * step / max(len(series), 1)
    bars = tuple(
        Bar(
            x=_LEFT + step * i + 0.1 * step + width * j,
            y=min(at_y(y), at_y(0.0)),
            width=width,
            height=abs(at_y(y) - at_y(0.0)),
            colour=j % 6,
            text=f"{name}: {figure(y, y_kind, language)}",
        )
        for j, ys in enumerate(series.values())
        for i, (name, y) in enumerate(zip(names, ys, strict=True))
        if math.isfinite(y)
    )
    return Chart(
        title=title,
        note=note,
        x_label=x_label,
        y_label=y_label,
        x_marks=tuple(Mark(_LEFT + step * (i + 0.5), name) for i, name in enumerate(names)),
        y_marks=tuple(Mark(at_y(y), figure(y, y_kind, language)) for y in y_ticks),
        bars=bars,
        legend=tuple((j % 6, name) for j, name in enumerate(series)),
    )


def nice_ticks(values: Sequence[float], *, wanted: int = 5) -> list[float]:
    """Return evenly spaced round numbers that span the values.

    Examples
    --------
    >>> nice_ticks([0.0, 0.83])
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> nice_ticks([])
    [0.0, 1.0]
    """
    if not values:
        return [0.0, 1.0]
    low, high = min(values), max(values)
    if low == high:
        # A number too small to be halved would leave no room between the two.
        room = abs(low) / 2 if abs(low) > 1e-300 else 0.5
        low, high = low - room, high + room
    rough = (high - low) / wanted
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    # The short text of each product is the round number that was meant, without the noise of the last bits.
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def sparse_names(names: Sequence[str], *, most: int) -> list[str]:
    """Return names of which only every so many are written, the last one always, so that they do not run together.

    Examples
    --------
    >>> sparse_names(["Q1", "Q2", "Q3", "Q4", "Q5"], most=3)
    ['Q1', '', 'Q3', '', 'Q5']
    """
    step = max(1, -(-len(names) // most))
    return [name if (len(names) - 1 - place) % step == 0 else "" for place, name in enumerate(names)]


def _finite(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]


class _Scale:
    """A straight map from values to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start, self._slope = low, start, (end - start) / (high - low)

    def __call__(self, value: float) -> float:
        return round(self._start + (value - self._low) * self._slope, 2)
