"""Own features as SQL: one SELECT over usable rows, run by DuckDB in a closed session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ConfigError
from churnml.features.own_rows import OBSERVED, SNAPSHOT
from churnml.features.sql_session import check_select, open_session, problem_of
from churnml.histories.conform import TIME

if TYPE_CHECKING:
    from churnml.features.own import OwnFeature

__all__ = ["SqlFeature"]

Floats = npt.NDArray[np.float64]
_SNAPSHOTS = "snapshots"
"""Relation with every snapshot, also those without a row, unless a table has that name."""


class SqlFeature:
    """A checked SELECT that returns ``snapshot`` and one value.

    Parameters
    ----------
    own : OwnFeature

    Raises
    ------
    ConfigError
        If the file is not one plain SELECT.
    """

    def __init__(self, own: OwnFeature) -> None:
        self._own = own
        self._session = open_session()
        try:
            self._text = own.code.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self._placed(self._problem("is not written in UTF-8", "Save it as UTF-8.")) from None
        try:
            check_select(self._session, self._text, {*own.tables, _SNAPSHOTS})
        except ConfigError as error:
            raise self._placed(error) from None

    def values(self, tables: dict[str, pa.Table], t: int, n_snapshots: int) -> Floats:
        """Return the value of each snapshot, missing as NaN; a snapshot without a row in the result is missing."""
        import duckdb

        numbers = pa.array(np.arange(n_snapshots, dtype=np.int64))
        relations = {_SNAPSHOTS: pa.table({SNAPSHOT: numbers}), **tables}
        for name, table in relations.items():
            now = pa.array(np.full(table.num_rows, t, dtype=np.int64)).cast(TIME)
            self._session.register(name, table.add_column(1, OBSERVED, now))
        try:
            result = self._session.sql(self._text).to_arrow_table()
        except (duckdb.Error, RuntimeError) as error:
            raise self._placed(problem_of(error), tables) from None
        finally:
            for name in relations:
                self._session.unregister(name)
        return self._read(result, n_snapshots)

    def _read(self, result: pa.Table, n_snapshots: int) -> Floats:
        names = [name.lower() for name in result.column_names]
        if len(names) != 2 or SNAPSHOT not in names:
            raise self._placed(self._problem("does not return snapshot and one value", f"Select {SNAPSHOT}, value."))
        snapshot, value = result.column(names.index(SNAPSHOT)), result.column(1 - names.index(SNAPSHOT))
        kind = value.type
        if not pa.types.is_integer(snapshot.type) or not (
            *(is_type(kind) for is_type in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)),
            pa.types.is_boolean(kind),
            pa.types.is_null(kind),
        ).count(True):
            raise self._placed(self._problem("returns something else than numbers", "Cast the value to DOUBLE."))
        place = pc.fill_null(snapshot.cast(pa.int64()), -1).to_numpy()
        if ((place < 0) | (place >= n_snapshots)).any() or len(np.unique(place)) < len(place):
            problem = self._problem("returns snapshots twice or others than given", f"Group by {SNAPSHOT}.")
            raise self._placed(problem)
        plain = value.cast(pa.int8()) if pa.types.is_boolean(kind) else value
        values = np.full(n_snapshots, np.nan)
        values[place] = pc.fill_null(plain.cast(pa.float64()), np.nan).to_numpy()
        return values

    def _problem(self, problem: str, next_step: str) -> ConfigError:
        return ConfigError(problem, rule="config.sql", next_step=next_step)

    def _placed(self, error: ConfigError, tables: dict[str, pa.Table] | None = None) -> ConfigError:
        """Return an error with file and key, and with the columns there are where one may be misspelt."""
        next_step = error.next_step
        if tables:
            shown = "; ".join(f"{name}: {', '.join(table.column_names)}" for name, table in tables.items())
            next_step = f"{next_step} Columns, besides {OBSERVED}: {shown}."
        return ConfigError(
            error.problem,
            rule=error.rule,
            file=self._own.file,
            line=error.line,
            column=self._own.key,
            next_step=next_step,
        )
