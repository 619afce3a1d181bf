"""Every file read back by its target's rules before its folder gets its name; no code is shared with the writer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from churnml.exports.crm.read_back import Row, broken, read_part
from churnml.exports.crm.target import Column, Layout
from churnml.storage import digest_file, read_json
from churnml.wording import catalogue

__all__ = ["validate"]

_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@([^\s@.,;:<>()\[\]\"\\]+\.)+[^\s@.,;:<>()\[\]\"\\]{2,63}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MARKUP = re.compile(r"[<>]|\{\{|\{%|&[#\w]+;|javascript:", re.IGNORECASE)


def validate(folder: Path, layout: Layout) -> None:
    """Read an export back and hold it to the rules of its target.

    Parameters
    ----------
    folder : Path
        With ``manifest.json``.
    layout : Layout

    Raises
    ------
    PrivacyError
        With file, row, column and rule of the first breach.
    """
    manifest = read_json(folder / "manifest.json")
    _check_headers(layout, folder.name)
    _check_files(folder, manifest, layout)
    seen: dict[str, set[str]] = {column.header: set() for column in layout.columns if column.unique}
    n_rows = 0
    for part in manifest["parts"]:
        rows = _check_part(folder / part["file"], layout, seen)
        if rows != part["rows"]:
            raise broken("rows", "holds another number of rows than its manifest says", file=part["file"], count=rows)
        n_rows += rows
    _check_sums(manifest, layout, n_rows)


def _check_headers(layout: Layout, name: str) -> None:
    headers = layout.headers
    if not headers or not all(h.strip() for h in headers) or len(set(headers)) < len(headers):
        raise broken("headers", "headers are missing, blank or not all different", file=name, line=1)
    if len(headers) > layout.max_columns:
        raise broken("columns", "more columns than the target takes", file=name, count=len(headers))
    by_case = {word.casefold(): word for word in layout.reserved}
    for header in headers:
        if by_case.get(header.casefold(), header) != header:
            raise broken("reserved_header", "nearly a reserved header, but not spelt as one", file=name, column=header)
        if layout.header_pattern and not re.fullmatch(layout.header_pattern, header):
            raise broken("header_name", "no name of a field that the target knows", file=name, column=header)


def _check_files(folder: Path, manifest: Mapping[str, Any], layout: Layout) -> None:
    """Hold what lies in the folder to its manifest: names, numbers, digests."""
    parts = manifest["parts"]
    listed = {part["file"]: part["sha256"] for part in parts}
    listed[manifest["rejected_file"]["file"]] = manifest["rejected_file"]["sha256"]
    found = {path.name for path in folder.iterdir()} - {"manifest.json"}
    if found != set(listed):
        raise broken("files", "files are not those of the manifest", file=folder.name, count=len(found ^ set(listed)))
    for name, digest in listed.items():
        if digest_file(folder / name) != digest:
            raise broken("digest", "not what was written: its digest differs", file=name)
    for number, part in enumerate(parts, start=1):
        if (part["part"], part["of"]) != (number, len(parts)):
            raise broken("parts", "parts are not numbered through", file=part["file"])


def _check_part(path: Path, layout: Layout, seen: dict[str, set[str]]) -> int:
    rows = read_part(path, layout)
    _, header = next(rows, (1, []))
    if header != layout.headers:
        raise broken("headers", "headers are not those of the target", file=path.name, line=1)
    n_rows = 0
    for row in rows:
        n_rows += 1
        _check_row(row, layout, path.name, seen)
    if not 0 < n_rows <= layout.max_rows:
        raise broken("rows", "no rows, or more than the target takes", file=path.name, count=n_rows)
    return n_rows


def _check_row(row: Row, layout: Layout, name: str, seen: dict[str, set[str]]) -> None:
    line, cells = row
    for column, cell in zip(layout.columns, cells, strict=True):
        for rule, problem in _breaches(cell, column, layout):
            raise broken(rule, problem, file=name, line=line, column=column.header)
        if column.unique:
            key = cell.casefold() if column.kind == "email" else cell[: column.significant or len(cell)]
            if key in seen[column.header]:
                raise broken("twice", "the same record twice", file=name, line=line, column=column.header)
            seen[column.header].add(key)
    filled = {column.header for column, cell in zip(layout.columns, cells, strict=True) if cell}
    if layout.any_of and not any(filled.issuperset(group) for group in layout.any_of):
        raise broken("no_match_key", "nothing to match the person by", file=name, line=line)
    together = filled.intersection(layout.together)
    if together and together != set(layout.together):
        raise broken("together", "cells that only count together are not all filled", file=name, line=line)


def _breaches(cell: str, column: Column, layout: Layout) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a cell: rule and words, never the cell."""
    if not cell:
        if column.required:
            yield "required", "a required cell is blank"
        return
    if cell != cell.strip():
        yield "blanks", "blanks around a value"
    if _CONTROL.search(cell):
        yield "control", "a control character"
    if any(mark in cell for mark in layout.forbidden):
        yield "forbidden", "a character that the target forbids"
    if layout.max_text < len(cell):
        yield "length", "longer than the target takes"
    if layout.no_markup and _MARKUP.search(cell):
        yield "markup", "markup, which the target would pass on"
    if column.constant and cell != column.constant:
        yield "constant", "not the value of every row"
    if column.pattern and not re.fullmatch(column.pattern, cell):
        yield "pattern", "not of the form the target takes"
    if not _HOLDS[column.kind](cell, column, layout):
        yield column.kind, f"no {column.kind} as the target takes it"


def _has_date(cell: str, form: str) -> bool:
    try:
        return datetime.strptime(cell, form).strftime(form) == cell  # noqa: DTZ007 - only the form is looked at
    except ValueError:
        return False


def _is_number(cell: str, column: Column, layout: Layout) -> bool:
    tail = rf"\.[0-9]{{{column.decimals}}}" if column.decimals else ""
    return re.fullmatch(rf"-?[0-9]+{tail}", cell) is not None


def _is_pick(cell: str, column: Column, layout: Layout) -> bool:
    if column.picks is not None:
        return cell in column.picks.values()
    known = _words_of(column.family, layout.language)
    return cell in known or not known


@cache
def _words_of(family: str, language: str) -> frozenset[str]:
    return frozenset(texts[language] for key, texts in catalogue().items() if key.startswith(f"{family}."))


_HOLDS: Mapping[str, Callable[[str, Column, Layout], bool]] = {
    "id": lambda cell, column, layout: True,
    "text": lambda cell, column, layout: True,
    "words": lambda cell, column, layout: True,
    "plain": lambda cell, column, layout: True,
    "email": lambda cell, column, layout: len(cell) <= 254 and _EMAIL.fullmatch(cell) is not None,
    "phone": lambda cell, column, layout: _PHONE.fullmatch(cell) is not None,
    "number": _is_number,
    "pick": _is_pick,
    "date": lambda cell, column, layout: _has_date(cell, layout.date),
    "datetime": lambda cell, column, layout: _has_date(cell, layout.datetime),
    "boolean": lambda cell, column, layout: cell in layout.booleans,
    "hash": lambda cell, column, layout: _DIGEST.fullmatch(cell) is not None,
}


def _check_sums(manifest: Mapping[str, Any], layout: Layout, n_rows: int) -> None:
    rows = manifest["rows"]
    parts = rows["written"] + rows["rejected"] + rows["withheld_without_consent"]
    if rows["written"] != n_rows or rows["listed"] != parts:
        raise broken("sums", "written, rejected and withheld do not add up to the list", file="manifest.json")
    if sum(manifest["rejected_by_reason"].values()) != rows["rejected"]:
        raise broken("sums", "reasons do not add up to the rejected", file="manifest.json")
    if layout.least_rows > n_rows:
        raise broken("too_few", "fewer people than the target takes", file="manifest.json", count=n_rows)
    if layout.is_audience and not manifest["re_identifiable"]:
        raise broken("mark", "a hashed audience is not marked as re-identifiable", file="manifest.json")
