"""Columns of spells that are empty while a spell lasts and filled in when it ends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import spearmanr

from churnml.histories.conform import category_column, number_column
from churnml.histories.store import TableInfo
from churnml.timeline import DAY_US
from churnml.verification.findings import Finding

__all__ = ["check_filled_later"]

Bools = npt.NDArray[np.bool_]

_STRATUM_US = 90 * DAY_US
_LEAST_ROWS = 30
_LEAST_RECENT = 10
_MOST_LEVELS = 50
_HARDLY_EVER = 0.02
_OFTEN = 0.3
_NEARLY_ALWAYS = 0.9
_COMMON = 0.1
_GOES_WITH = 0.95


def check_filled_later(table: pa.Table, info: TableInfo, *, as_of: int) -> tuple[list[Finding], int]:
    """Return the columns that say of a spell how it ended, and the number of columns looked at.

    Features take such a column as known from the start of the spell; it was written at its end. Compared are open and
    ended spells begun in the same quarter. A kind of spell that is always short (a trial) is told apart by its newest
    spells: of those begun within its usual length, some are open.

    Parameters
    ----------
    table : pyarrow.Table
        Spells of some customers, as prepared.
    info : TableInfo
    as_of : int
        Microseconds, UTC.
    """
    if "ended_at" not in table.column_names:
        return [], 0
    spells = _Spells(table, as_of)
    found = []
    names = [(name, number_column(name)) for name in info.numbers]
    names += [(name, category_column(name)) for name in info.categories]
    for name, column in names:
        patterns = _patterns(table[column])
        n = next((n for here, recent in patterns if (n := spells.told_by_the_end(here, least_recent=recent))), 0)
        if not n and column.startswith("n:"):
            n = spells.counts_the_days(table[column].cast(pa.float64()).to_numpy())
        if n:
            place = ("time.filled_later", "error", name, info.file)
            found.append(Finding(*place, n=n, of=int(spells.ended.sum())))  # type: ignore[arg-type]
    return found, len(names)


def _patterns(column: pa.ChunkedArray) -> Iterator[tuple[Bools, int]]:
    """Yield where a column is filled, if it is not always, and where it has each of its levels.

    Beside each: how many new spells must show it. A level may be withdrawn; a column is seldom filled for some alone.
    """
    if column.null_count:
        yield pc.is_valid(column).to_numpy(), 0
    counts = column.drop_null().value_counts()
    if len(counts) and (most := pc.max(counts.field("counts")).as_py()) >= _COMMON * len(column):
        # Zero, or a date far away, is another way to leave a cell empty.
        usual = counts.field("values")[pc.index(counts.field("counts"), most).as_py()]
        yield pc.fill_null(pc.not_equal(column, usual), False).to_numpy(), 0
    levels = pc.unique(column.drop_null())
    if len(levels) <= _MOST_LEVELS:
        for level in levels:
            yield pc.fill_null(pc.equal(column, level), False).to_numpy(), _LEAST_RECENT


class _Spells:
    """Which spells ended, when they began, and whether open and ended ones of that time can be compared."""

    def __init__(self, table: pa.Table, as_of: int) -> None:
        self.ended: Bools = pc.is_valid(table["ended_at"]).to_numpy()
        self.begun = table["started_at"].cast(pa.int64()).to_numpy()
        ends = pc.fill_null(table["ended_at"].cast(pa.int64()), as_of).to_numpy()
        self.length, self.age = ends - self.begun, as_of - self.begun
        quarter = self.begun // _STRATUM_US
        self.compared = np.isin(quarter, np.intersect1d(quarter[self.ended], quarter[~self.ended]))

    def counts_the_days(self, values: npt.NDArray[np.float64]) -> int:
        """Return how many ended spells hold a number that grew until they ended, as those of open ones did until today.

        A term agreed beforehand goes with the length of ended spells, and not with the age of open ones.
        """
        known = ~np.isnan(values)
        for here in (known & self.ended, known & ~self.ended):
            if here.sum() < _LEAST_ROWS or len(np.unique(values[here])) == 1 or len(np.unique(self.length[here])) == 1:
                return 0
            if abs(spearmanr(values[here], self.length[here]).statistic) < _GOES_WITH:
                return 0
        return int((known & self.ended).sum())

    def told_by_the_end(self, here: Bools, *, least_recent: int) -> int:
        """Return how many ended spells show a pattern that only an end explains; 0 where another reason may."""
        of_open, of_ended = here[self.compared & ~self.ended], here[self.compared & self.ended]
        if min(len(of_open), len(of_ended)) < _LEAST_ROWS or of_open.mean() > _HARDLY_EVER or not here.any():
            return 0
        recent = here & (self.age <= np.median(self.length[here]))
        still_open = float((~self.ended[recent]).mean()) if recent.any() else 0.0
        is_certain = of_ended.mean() >= _NEARLY_ALWAYS and still_open <= _HARDLY_EVER
        is_strange = of_ended.mean() >= _OFTEN and recent.sum() >= least_recent and still_open <= _HARDLY_EVER
        return int(of_ended.sum()) if is_certain or is_strange else 0
