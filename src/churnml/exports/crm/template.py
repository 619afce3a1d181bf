"""A target whose columns are the tenant's own: its import template, and a mapping that fills it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from churnml.errors import ConfigError, did_you_mean
from churnml.exports.crm.target import Column, Container, Layout, facts_of
from churnml.wording import catalogue

__all__ = ["SOURCES", "Template", "fit_to_template", "read_template"]

_MAX_BYTES = 20_000_000
_MAX_UNPACKED = 200_000_000

SOURCES: Mapping[str, Mapping[str, Any]] = {
    **{name: {"kind": "id"} for name in ("customer_id", "crm_id", "fxiaoke_id", "external_id")},
    **{name: {"kind": "text"} for name in ("name", "first_name", "last_name", "owner", "language")},
    **{name: {"kind": "text"} for name in ("country", "city", "state", "postcode", "gender", "birth_date")},
    "email": {"kind": "email"},
    "phone": {"kind": "phone"},
    "p_churn": {"kind": "number", "decimals": 4},
    **{name: {"kind": "number", "decimals": 2} for name in ("clv", "value_at_risk", "expected_gain")},
    "rank": {"kind": "number"},
    "risk_band": {"kind": "pick", "family": "risk_band"},
    "value_tier": {"kind": "pick", "family": "value_tier"},
    "channel": {"kind": "pick", "family": "channel"},
    **{name: {"kind": "words"} for name in ("reason_1", "reason_2", "reason_3", "action", "campaign")},
    **{name: {"kind": "words"} for name in ("model_version", "policy_version")},
    "contact_by": {"kind": "date"},
    "scored_at": {"kind": "datetime"},
    "holdout": {"kind": "boolean"},
}
"""What a mapping may name, and what kind of cell it makes."""

_KEYS = ("from", "value", "options", "unique", "required")


@dataclass(frozen=True, slots=True)
class Template:
    """A tenant's import template.

    Parameters
    ----------
    headers : tuple of str
        As they stand there, marks of required columns included.
    required : frozenset of str
        Those with such a mark.
    options : mapping
        Header -> values that the template's own lists allow.
    container : str
        ``csv`` or ``xlsx``: files are written as the template is.
    sheet : str
        Name of its sheet.
    """

    headers: tuple[str, ...]
    required: frozenset[str]
    options: Mapping[str, tuple[str, ...]]
    container: Container
    sheet: str = ""


def read_template(path: Path, *, header_row: int = 1, sheet: str | None = None) -> Template:
    """Read the header row of a template, XLSX or CSV, with its marks of required columns and its lists of values.

    Parameters
    ----------
    path : Path
    header_row : int, optional
        1-based row of the headers; notes may stand above it.
    sheet : str, optional
        Sheet of a workbook; None = the first.

    Raises
    ------
    ConfigError
        If it is no such file, or its headers are blank, merged or not all different.
    """
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        raise _fault(path, "not found, or larger than 20 MB", "Download the import template anew.")
    if path.suffix.lower() == ".csv":
        cells, options, container, title = _csv_row(path, header_row), {}, "csv", ""
    else:
        page = _sheet(path, sheet)
        cells, options, container, title = _header_cells(page, header_row), _lists(page), "xlsx", page.title
    headers = _checked(cells, path)
    marks = facts_of("fxiaoke")["required_marks"]
    return Template(
        headers=headers,
        required=frozenset(name for name in headers if any(mark in name for mark in marks)),
        options={headers[at]: values for at, values in options.items() if at < len(headers)},
        container="csv" if container == "csv" else "xlsx",
        sheet=title,
    )


def _fault(path: Path, problem: str, next_step: str) -> ConfigError:
    return ConfigError(problem, rule="config.template", file=path.name, next_step=next_step)


def _csv_row(path: Path, header_row: int) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _fault(path, "not UTF-8", "Save it as CSV UTF-8.") from error
    rows = list(csv.reader(io.StringIO(text, newline="")))
    return rows[header_row - 1] if len(rows) >= header_row else []


def _sheet(path: Path, sheet: str | None) -> Worksheet:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > _MAX_UNPACKED:
            raise _fault(path, "larger than 200 MB when unpacked", "Download the import template anew.")
        book = openpyxl.load_workbook(path)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        if isinstance(error, ConfigError):
            raise
        raise _fault(path, "no workbook that can be read", "Save it as .xlsx.") from error
    if sheet is not None and sheet not in book.sheetnames:
        raise _fault(path, "no sheet of that name", did_you_mean(sheet, book.sheetnames) or "Name another sheet.")
    return book[sheet] if sheet is not None else book.worksheets[0]


def _header_cells(page: Worksheet, header_row: int) -> list[str]:
    merged = [area for area in page.merged_cells.ranges if area.min_row <= header_row <= area.max_row]
    cells = ["" if cell.value is None else str(cell.value) for cell in page[header_row]]
    while cells and not cells[-1].strip():
        cells.pop()
    return [] if merged else cells


def _lists(page: Worksheet) -> dict[int, tuple[str, ...]]:
    """Return column (from 0) -> values of the drop-down list that the template puts on it."""
    found: dict[int, tuple[str, ...]] = {}
    for rule in page.data_validations.dataValidation:
        if rule.type != "list" or not rule.formula1:
            continue
        values = _list_values(page, str(rule.formula1))
        for area in rule.sqref.ranges:
            found |= dict.fromkeys(range(area.min_col - 1, area.max_col), values)
    return {at: values for at, values in found.items() if values}


def _list_values(page: Worksheet, formula: str) -> tuple[str, ...]:
    if formula.startswith('"'):
        return tuple(value.strip() for value in formula.strip('"').split(","))
    name, _, area = formula.lstrip("=").rpartition("!")
    book = page.parent
    title = name.strip("'")
    source = book[title] if book is not None and title in book.sheetnames else page
    try:
        cells: Iterable[Any] = source[area.replace("$", "")]
    except (ValueError, KeyError, AttributeError):
        return ()  # a name or a function: nothing that can be checked here
    rows = cells if isinstance(cells, tuple) else ((cells,),)
    return tuple(str(cell.value) for row in rows for cell in row if cell.value is not None)


def _checked(cells: list[str], path: Path) -> tuple[str, ...]:
    if not cells or not all(cell.strip() for cell in cells) or len(set(cells)) < len(cells):
        raise _fault(
            path, "headers are missing, blank, merged or not all different", "Say with header_row where they stand."
        )
    return tuple(cells)


def fit_to_template(
    layout: Layout, template: Template, mapping: Mapping[str, Any], available: Collection[str]
) -> Layout:
    """Give a layout the columns of a tenant's template.

    Parameters
    ----------
    layout : Layout
    template : Template
    mapping : mapping
        Header -> name of a source (:data:`SOURCES`), or ``{from, options, unique, required}``, or ``{value}`` for the
        same text in every row. Headers that are not named stay blank.
    available : collection of str
        Columns that the rows have.

    Raises
    ------
    ConfigError
        If a header is not in the template, a required column is not filled, a source does not exist, a value is
        none of the template's list, or no column is ``unique``.
    """
    for header in mapping:
        if header not in template.headers:
            raise _mapping_fault(header, "no such header in the template", did_you_mean(header, template.headers))
    for header in template.headers:
        if header in template.required and header not in mapping:
            raise _mapping_fault(header, "required by the template and not filled", "Map it to a source or a value.")
    columns = tuple(_column(header, mapping.get(header), template, available) for header in template.headers)
    if not any(column.unique for column in columns):
        raise _mapping_fault("columns", "no column tells the records apart", "Mark one of them with unique: true.")
    return replace(layout, columns=columns, container=template.container, sheet=template.sheet)


def _column(header: str, entry: Any, template: Template, available: Collection[str]) -> Column:
    entry = {} if entry is None else {"from": entry} if isinstance(entry, str) else dict(entry)
    unknown = [key for key in entry if key not in _KEYS]
    source = str(entry.get("from") or "")
    allowed = template.options.get(header)
    if unknown:
        raise _mapping_fault(header, "unknown key", did_you_mean(unknown[0], _KEYS) or f"Keys: {', '.join(_KEYS)}.")
    if source and (source not in SOURCES or source not in available):
        raise _mapping_fault(
            header, "no such source in the data", did_you_mean(source, [s for s in SOURCES if s in available])
        )
    picks = {str(code): str(value) for code, value in (entry.get("options") or {}).items()} or None
    written = [*(picks or {}).values(), *([str(entry["value"])] if entry.get("value") else [])]
    if allowed and any(value not in allowed for value in written):
        raise _mapping_fault(header, "a value is none of the template's list", "Use the values of the template.")
    if allowed and source and picks is None:
        picks = _picks_in_words(source, allowed)
    taken = dict(SOURCES.get(source, {"kind": "text"}))
    return Column(
        header=header,
        source=source,
        required=header in template.required or _is_true(entry.get("required")),
        unique=_is_true(entry.get("unique")),
        constant=str(entry.get("value") or ""),
        picks=picks,
        **(taken | ({"kind": "pick"} if picks is not None else {})),
    )


def _picks_in_words(source: str, allowed: Sequence[str]) -> dict[str, str]:
    """Return the values of a list by themselves, and by the codes whose words in either language they are."""
    family = SOURCES[source].get("family", "")
    found = {value: value for value in allowed}
    for key, texts in catalogue().items():
        head, _, code = key.partition(".")
        text = next((text for text in texts.values() if text in allowed), None)
        if head == family and text is not None:
            found[code] = text
    return found


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "yes"}


def _mapping_fault(header: str, problem: str, next_step: str | None) -> ConfigError:
    return ConfigError(problem, rule="config.mapping", file="mapping", column=header, next_step=next_step)
