"""From files to tables as they were delivered: how each is written, what its columns are, which belong together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from churnml.errors import DataError
from churnml.histories.contract import CsvDialect
from churnml.onboarding.columns import Facts, facts_of
from churnml.onboarding.dialect import dialect_of
from churnml.onboarding.draft import Source
from churnml.onboarding.names import hints
from churnml.onboarding.sample import sample_of

__all__ = ["sources_of"]

_NAMED = (
    ("treatments_table", "contacts"),
    ("cancel_table", "cancellations"),
    ("spells_table", "subscriptions"),
    ("purchases_table", "orders"),
    ("customers_table", "customers"),
)


def sources_of(folder: Path, files: Sequence[str]) -> list[Source]:
    """Read samples; files with the same columns and names that differ in figures alone are one table.

    Parameters
    ----------
    folder : Path
    files : sequence of str
        Names inside it.

    Raises
    ------
    DataError
        If a file is damaged, empty or without a header.
    """
    groups: dict[tuple[object, ...], list[tuple[str, Source]]] = {}
    for file in files:
        path = folder / file
        written = dialect_of(path) if path.suffix.lower() != ".parquet" else None
        dialect = written.dialect if written else CsvDialect()
        sample = sample_of(path, dialect)
        facts = {name: facts_of(name, sample.table[name]) for name in sample.table.column_names}
        _refuse_headless(file, facts)
        why = written.why if written else ""
        source = Source("", (file,), facts, sample.n_rows, dialect, why, sample.is_whole)
        stem = re.sub(r"[\W\d_]+", "", re.sub(r"\.(csv|parquet|gz)", "", file.lower()))
        groups.setdefault((stem, tuple(sorted(facts)), dialect), []).append((file, source))
    taken: set[str] = set()
    return [_joined([source for _, source in group], taken) for group in groups.values()]


def _joined(group: Sequence[Source], taken: set[str]) -> Source:
    """Return one table of several files: the largest stands for all."""
    largest = max(group, key=lambda source: source.n_rows)
    files = tuple(file for source in group for file in source.files)
    name = _table_name(files, taken)
    taken.add(name)
    return replace(largest, name=name, files=files, n_rows=sum(source.n_rows for source in group))


def _table_name(files: Sequence[str], taken: set[str]) -> str:
    stem = re.sub(r"\.(csv|parquet|gz)", "", Path(files[0]).name.lower())
    if len(files) > 1:
        stem = re.sub(r"[\d_\W]+$", "", stem)
    name = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:40]
    if not name or not name[0].isalpha():
        known = hints(stem)
        name = next((word for hint, word in _NAMED if hint in known), "table")
    plain, number = name, 2
    while name in taken:
        name, number = f"{plain[:36]}_{number}", number + 1
    return name


def _refuse_headless(file: str, facts: Mapping[str, Facts]) -> None:
    """Refuse a file whose first row is one of data: names that are numbers or dates."""
    like_data = [name for name in facts if re.fullmatch(r"[\d.,:/ -]+", name.strip())]
    if len(like_data) * 2 > len(facts):
        raise DataError(
            "has no header: its first row looks like data",
            rule="data.header",
            file=file,
            line=1,
            count=1,
            next_step="Put a row with the names of the columns first.",
        )
