"""How the cells of a table are written, from all its columns together: one block ``csv`` a table."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from churnml.onboarding.columns import Facts
from churnml.onboarding.draft import Source

__all__ = ["with_cells"]


def with_cells(source: Source) -> Source:
    """Return a table with decimal mark, texts without value and format of times in its dialect.

    Columns that are written in another way than most are taken for what the reader can make of them: texts.
    """
    if all(facts.is_stored for facts in source.facts.values()):
        return source
    facts = dict(source.facts)
    decimal = _decimal(facts)
    for name, each in facts.items():
        if each.kind == "number" and each.numerals is not None and each.numerals.decimal not in {"", decimal}:
            facts[name] = replace(each, kind="text", values=None)
    pattern = _pattern(facts)
    for name, each in facts.items():
        if each.kind == "time" and not each.is_stored and each.time is not None and each.time.pattern != pattern:
            facts[name] = replace(each, kind="text", values=None, time=None)
    nulls = sorted({null for each in facts.values() for null in each.nulls})
    dialect = replace(source.dialect, decimal=decimal, null_values=("", *nulls), time_format=pattern)
    return replace(source, facts=facts, dialect=dialect)


def _decimal(facts: dict[str, Facts]) -> str:
    marks = Counter(f.numerals.decimal for f in facts.values() if f.numerals is not None and f.numerals.decimal)
    return marks.most_common(1)[0][0] if marks else "."


def _pattern(facts: dict[str, Facts]) -> str | None:
    """Return the format of the times: the one of most columns, of equals that with fewest gaps."""
    found: Counter[str | None] = Counter()
    for each in facts.values():
        if each.kind == "time" and each.time is not None:
            found[each.time.pattern] += len(each.cells) + each.n_there
    return found.most_common(1)[0][0] if found else None
