"""Whether the day or the month comes first, where a table's cells leave it open: by other tables, else asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.cells import time_cells
from churnml.onboarding.columns import Facts
from churnml.onboarding.draft import Question, Source
from churnml.onboarding.times import TimeFormat

__all__ = ["settle_formats"]

_MISSING = np.iinfo(np.int64).min


def settle_formats(sources: Sequence[Source], ask: Callable[[Question], str]) -> tuple[list[Source], list[Question]]:
    """Decide between two formats that both read every cell.

    Parameters
    ----------
    sources : sequence of Source
    ask : callable
        Gets a question with options, returns the one to take.

    Returns
    -------
    sources : list of Source
        With the formats that were chosen.
    questions : list of Question
        What was asked: one a table.
    """
    sure = {f.time.pattern for s in sources for f in s.facts.values() if f.time is not None and not f.time.other}
    settled, questions = [], []
    for source in sources:
        open_ = {n: f for n, f in source.facts.items() if f.time is not None and f.time.other is not None}
        if not open_:
            settled.append(source)
            continue
        chosen, question = _chosen(source, open_, sure, ask)
        settled.append(_with_formats(source, chosen))
        questions += [question] if question is not None else []
    return settled, questions


def _chosen(
    source: Source, open_: Mapping[str, Facts], sure: set[str | None], ask: Callable[[Question], str]
) -> tuple[dict[str, str], Question | None]:
    """Return the format of each column, and the question if one was needed."""
    formats = {name: (str(f.time.pattern), str(f.time.other)) for name, f in open_.items() if f.time is not None}
    own = {f.time.pattern for f in source.facts.values() if f.time is not None and not f.time.other}
    for known in (own, sure):
        orders = {_day_first(pattern) for pattern in known if pattern is not None} - {None}
        if len(orders) == 1:
            is_day = orders.pop()
            return {n: next(p for p in pair if _day_first(p) == is_day) for n, pair in formats.items()}, None
    first = next(iter(formats.values()))
    why = next(f.time.why for f in open_.values() if f.time is not None)
    question = Question(
        f"histories.tables.{source.name}.csv.time_format", f"does the day or the month come first? ({why})", first
    )
    is_day = _day_first(ask(question))
    return {n: next(p for p in pair if _day_first(p) == is_day) for n, pair in formats.items()}, question


def _day_first(pattern: str) -> bool | None:
    """Return whether the day comes before the month in a format that begins with either."""
    return {"%d": True, "%m": False}.get(pattern[:2])


def _with_formats(source: Source, chosen: Mapping[str, str]) -> Source:
    facts = dict(source.facts)
    for name, pattern in chosen.items():
        before = facts[name]
        if before.time is not None and before.time.pattern != pattern:
            _, times = time_cells(before.cells, time_format=pattern, timezone="UTC", null_values=("",))
            values = pc.fill_null(times.cast(pa.int64()), _MISSING).to_numpy(zero_copy_only=False)
            facts[name] = replace(before, time=TimeFormat(pattern, None, "as chosen"), values=values)
    return replace(source, facts=facts)
