"""How the cells of a table are written, from all its columns together: one block ``csv`` a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pyarrow.compute as pc

from churnml.onboarding.columns import Facts
from churnml.onboarding.draft import Source
from churnml.onboarding.numerals import numerals_of

__all__ = ["with_cells"]


def with_cells(source: Source) -> Source:
    """Return a table with decimal mark, marks in numbers, texts without value and formats of times in its dialect.

    Numbers with another decimal mark than most are taken for what the reader can make of them: texts.
    """
    if all(facts.is_stored for facts in source.facts.values()):
        return source
    decimal = _decimal(source.facts.values())
    facts = {name: _with_decimal(each, decimal) for name, each in source.facts.items()}
    pattern = _pattern(facts.values())
    formats = {
        name: each.time.pattern or "iso"
        for name, each in facts.items()
        if each.time is not None and each.time.pattern != pattern
    }
    nulls = sorted({null for each in facts.values() for null in each.nulls})
    marks = sorted({mark for each in facts.values() if each.numerals is not None for mark in each.numerals.marks})
    dialect = replace(
        source.dialect,
        decimal=decimal,
        null_values=("", *nulls),
        time_format=pattern,
        number_marks=tuple(marks),
        time_formats=tuple(sorted(formats.items())),
    )
    return replace(source, facts=facts, dialect=dialect)


def _decimal(facts: Iterable[Facts]) -> str:
    marks = Counter(f.numerals.decimal for f in facts if f.numerals is not None and f.numerals.decimal)
    return marks.most_common(1)[0][0] if marks else "."


def _with_decimal(facts: Facts, decimal: str) -> Facts:
    """Return a column of numbers read with the table's decimal mark, or as texts where that cannot be."""
    if facts.numerals is None or facts.numerals.decimal in {"", decimal}:
        return facts
    again = numerals_of(pc.drop_null(pc.unique(facts.cells)).to_pylist(), decimal=decimal)
    if again is None:
        return replace(facts, kind="text", values=None, numerals=None)
    return replace(facts, numerals=again, values=again.read(facts.cells))


def _pattern(facts: Iterable[Facts]) -> str | None:
    """Return the format of the times: the one of most columns, of equals that with fewest gaps."""
    found: Counter[str | None] = Counter()
    for each in facts:
        if each.kind == "time" and each.time is not None:
            found[each.time.pattern] += len(each.cells) + each.n_there
    return found.most_common(1)[0][0] if found else None
