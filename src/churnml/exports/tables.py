"""CSV files that a spreadsheet, a CRM and a database read alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import PrivacyError
from churnml.exports.formulas import neutralise
from churnml.private_folders import refuse_shared
from churnml.storage import new_file

__all__ = ["write_csv"]

_BATCH_ROWS = 65_536
_BOM = b"\xef\xbb\xbf"
_MUST_QUOTE = '[",;|\t\r\n]|^$|^\\s|\\s$'


def write_csv(
    table: pa.Table,
    path: Path,
    *,
    headers: Mapping[str, str] | None = None,
    bom: bool = False,
    formula_guard: bool = True,
) -> None:
    r"""Write a table as CSV: UTF-8, comma, RFC 4180 quoting, rows in the given order, the same bytes each time.

    Lines end in LF alone: every spreadsheet, database and CRM importer takes it, Salesforce expects it, and line tools
    find no stray carriage return in the last column. A missing value is an empty cell, an empty text is ``""``.
    Numbers have ``.`` as decimal sign and no thousands sign; dates are ISO; times are UTC.

    Parameters
    ----------
    table : Table
        Columns of text, numbers, booleans, dates or times.
    path : Path
        Where the file goes, whole or not at all.
    headers : mapping of str to str, optional
        Column name -> header; a column that is not named keeps its name.
    bom : bool, optional
        Begin with a byte-order mark, by which Excel knows UTF-8.
    formula_guard : bool, optional
        Neutralise texts that a spreadsheet would run as formulas, see :func:`churnml.exports.formulas.neutralise`.
        False writes texts raw: for machines only, since such a file is dangerous to open in a spreadsheet.

    Raises
    ------
    PrivacyError
        If two columns would have the same header, a header is empty, or a number is infinite.
    """
    names = [(headers or {}).get(name, name) for name in table.column_names]
    _check_headers(names)
    for name in table.column_names:
        _check_finite(table[name], name)
    head = pa.RecordBatch.from_arrays([pa.array([name]) for name in names], names=table.column_names)
    refuse_shared(path.parent)
    with new_file(path, needs=table.nbytes) as temp, temp.open("wb") as stream:
        stream.write(_BOM if bom else b"")
        for batch in (head, *table.to_batches(max_chunksize=_BATCH_ROWS)):
            stream.write(_lines(batch, formula_guard=formula_guard))


def _lines(batch: pa.RecordBatch, *, formula_guard: bool) -> bytes:
    cells = [_cells(column, formula_guard=formula_guard) for column in batch.columns]
    if len(cells) == 1:
        # Alone in its row, an empty cell would be an empty line, which readers skip.
        cells = [pc.fill_null(cells[0], '""')]
    lines = pc.binary_join_element_wise(*(pc.fill_null(column, "") for column in cells), ",")
    return "".join(f"{line}\n" for line in lines.to_pylist()).encode()


def _cells(column: pa.Array, *, formula_guard: bool) -> pa.Array:
    """Return a column as the texts between the commas."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = column.cast(pa.string())
        return _quoted(neutralise(text) if formula_guard else text)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    return column.cast(pa.string())


def _quoted(text: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(text, _MUST_QUOTE), quoted, text)


def _check_headers(names: list[str]) -> None:
    twice = sum(n > 1 for n in Counter(names).values())
    if twice or not all(name.strip() for name in names):
        raise PrivacyError(
            "headers are not all different and filled",
            rule="export.headers",
            count=twice or 1,
            next_step="Give each column a header of its own.",
        )


def _check_finite(column: pa.ChunkedArray, name: str) -> None:
    if pa.types.is_floating(column.type) and (n := pc.sum(pc.is_inf(column)).as_py()):
        raise PrivacyError("numbers are infinite", rule="export.not_finite", column=name, count=n)
