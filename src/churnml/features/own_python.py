"""Own features as Python functions: loaded from their literal file, called with copies of usable rows."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import traceback
from collections.abc import Callable
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.errors import ConfigError, TimeContractError
from churnml.features.own_clock import asks_the_clock
from churnml.features.own_rows import SNAPSHOT
from churnml.histories.conform import TIME
from churnml.storage import digest_bytes

if TYPE_CHECKING:
    from churnml.features.own import OwnFeature

__all__ = ["PythonFeature"]

Floats = npt.NDArray[np.float64]
_ALONE, _GROUPED = ["rows", "at"], ["rows", "at", "n_snapshots"]


class PythonFeature:
    """A loaded function.

    Parameters
    ----------
    own : OwnFeature

    Raises
    ------
    ConfigError
        If the file cannot be loaded, or holds no such function of ``(rows, at)`` or ``(rows, at, n_snapshots)``.
    TimeContractError
        If the file asks for the present time.
    """

    def __init__(self, own: OwnFeature) -> None:
        self._own = own
        self._function = self._load()
        self._is_grouped = self._names() == _GROUPED

    def values(self, tables: dict[str, pa.Table], t: int, n_snapshots: int) -> Floats:
        """Return the value of each snapshot, missing as NaN."""
        (rows,) = tables.values()
        at = pa.scalar(t, TIME).as_py()
        if self._is_grouped:
            return self._all(self._call(_copied(_batch(rows)), at, n_snapshots), n_snapshots)
        edges = np.searchsorted(rows[SNAPSHOT].to_numpy(), np.arange(n_snapshots + 1))
        batch, place = _batch(rows.drop_columns([SNAPSHOT])), pa.array(np.arange(rows.num_rows))
        each = (batch.take(place.slice(edges[i], edges[i + 1] - edges[i])) for i in range(n_snapshots))
        return np.array([self._number(self._call(_copied(taken), at)) for taken in each], dtype=np.float64)

    def _load(self) -> Callable[..., Any]:
        own = self._own
        loader = _Source(own.file, own.code)
        name = f"churnml_own_{digest_bytes(own.code)[:12]}"
        module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec(name, loader, origin=own.file))
        try:
            loader.exec_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's file does, it is told as such
            raise self._failed(error, "cannot be loaded") from None
        if (line := asks_the_clock(own.code)) is not None:
            raise TimeContractError(
                f"the own feature {own.name} asks what time it is now",
                rule="time.own_clock",
                file=own.file,
                line=line,
                column=own.key,
                next_step="Reckon from `at`, the observation date; the day of the run says nothing about it.",
            )
        function = getattr(module, own.function, None)
        if not inspect.isfunction(function):
            raise self._error(f"holds no function {own.function}")
        return function

    def _names(self) -> list[str]:
        names = [*inspect.signature(self._function).parameters]
        if names not in (_ALONE, _GROUPED):
            raise self._error(
                f"the function {self._own.function} takes other arguments",
                line=self._function.__code__.co_firstlineno,
                next_step="Write it as f(rows, at), or as f(rows, at, n_snapshots) for all snapshots of a date.",
            )
        return names

    def _call(self, *arguments: object) -> object:
        try:
            return self._function(*arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's function does, it is told as such
            raise self._failed(error, f"the function {self._own.function} failed") from None

    def _number(self, value: object) -> float:
        if isinstance(value, pa.Scalar):
            value = value.as_py()
        if value is None:
            return float("nan")
        if isinstance(value, Real | Decimal | np.bool_):
            return float(value)
        raise self._wrong("something that is no number", "Return a number, or None where there is none.")

    def _all(self, result: object, n_snapshots: int) -> Floats:
        if isinstance(result, pa.ChunkedArray | pa.Array):
            result = result.to_pylist()
        try:
            items = np.asarray(result)
        except ValueError:
            items = np.empty(0)
        if items.shape != (n_snapshots,):
            raise self._wrong("not one value per snapshot", "Return n_snapshots values, in the order of snapshot.")
        if items.dtype.kind in "biuf":
            return items.astype(np.float64)
        return np.array([self._number(item) for item in items.tolist()], dtype=np.float64)

    def _wrong(self, what: str, next_step: str) -> ConfigError:
        line = self._function.__code__.co_firstlineno
        return self._error(f"the function {self._own.function} returned {what}", line=line, next_step=next_step)

    def _failed(self, error: BaseException, what: str) -> ConfigError:
        """Tell the kind of an error and its line; its text may quote data and is left out."""
        file = self._own.file
        lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
        line = error.lineno if isinstance(error, SyntaxError) and error.filename == file else [None, *lines][-1]
        return self._error(f"{what} with {type(error).__name__}", line=line, next_step="Mend the file.")

    def _error(self, problem: str, *, line: int | None = None, next_step: str | None = None) -> ConfigError:
        own = self._own
        return ConfigError(problem, rule="config.own", file=own.file, line=line, column=own.key, next_step=next_step)


def _batch(rows: pa.Table) -> pa.RecordBatch:
    columns = [column.combine_chunks() for column in rows.columns]
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def _copied(rows: pa.RecordBatch) -> pa.Table:
    """Return rows in memory of their own, laid out by their content alone.

    A slice holds the rows of its neighbours, and even a selection may have room for missing values or long texts of
    rows that were left out.
    """
    return pa.Table.from_batches([pa.ipc.read_record_batch(rows.serialize(), rows.schema)])


class _Source(importlib.abc.SourceLoader):
    """Loads a module from the bytes its digest was taken of; no compiled copy is kept or trusted."""

    def __init__(self, file: str, code: bytes) -> None:
        self._file, self._code = file, code

    def get_filename(self, fullname: str) -> str:
        return self._file

    def get_data(self, path: str | bytes) -> bytes:
        if path != self._file:
            raise FileNotFoundError
        return self._code
