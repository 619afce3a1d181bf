"""Playbooks as files: CSV as a spreadsheet saves it, or YAML; read from inside the project and checked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from churnml.campaign.playbook import COLUMNS, REQUIRED, Playbook, PlaybookRow, make_playbook
from churnml.config import Campaign, Params
from churnml.config.small_files import MAX_BYTES, read_small
from churnml.config.strict_yaml import parse_yaml
from churnml.errors import ConfigError, did_you_mean
from churnml.reasons.causes import causes
from churnml.storage import digest_bytes, resolve

__all__ = ["Form", "check_playbooks", "playbook_bytes", "playbook_rows", "read_playbook", "with_playbook_digests"]

_KEY = "campaign.playbook"
_DELIMITERS = (",", ";", "\t")


def read_playbook(campaign: Campaign, *, root: Path) -> Playbook | None:
    """Return the playbook of the rules in effect, or None where they have none.

    Parameters
    ----------
    campaign : Campaign
    root : Path
        Project folder.

    Raises
    ------
    ConfigError
        If the file is not there, cannot be read, or breaks a rule of :func:`churnml.campaign.playbook.make_playbook`.
    """
    name = campaign.playbook
    if name is None:
        return None
    return make_playbook(
        playbook_rows(playbook_bytes(name, root=root), name),
        file=name,
        actions=list(campaign.actions) or [campaign.action],
        causes=causes(),
        has_segment=campaign.segment is not None,
    )


def check_playbooks(params: Params, *, root: Path) -> None:
    """Read every playbook of the campaign, so that a mistake stops before anything is learned.

    Raises
    ------
    ConfigError
        As :func:`read_playbook`.
    """
    campaign = params.campaign
    for rules in (campaign, *(campaign.model_copy(update=policy.changes) for policy in campaign.policies)):
        read_playbook(rules, root=root)


def with_playbook_digests(params: Params, *, root: Path) -> Params:
    """Return the parameters with the digest of each playbook, so that a changed file changes them."""
    digests = {name: digest_bytes(playbook_bytes(name, root=root)) for name in params.campaign.playbooks}
    return params.model_copy(update={"campaign": params.campaign.model_copy(update={"playbook_digests": digests})})


@dataclass(frozen=True, slots=True)
class Form:
    """What a playbook's file looks like.

    Parameters
    ----------
    columns, required : tuple of str
    page : str
        Page of the manual that tells it.
    rule : str
        Name of the rule that a wrong one breaks.
    """

    columns: tuple[str, ...]
    required: tuple[str, ...]
    page: str
    rule: str = "config.playbook"

    def refuse(self, problem: str, name: str, line: int | None, next_step: str | None = None) -> ConfigError:
        """Return the error for a line of the file."""
        return ConfigError(problem, rule=self.rule, file=name, line=line, next_step=next_step)


_ACTIONS = Form(COLUMNS, REQUIRED, "docs/campaign.md")


def playbook_bytes(name: str, *, root: Path, key: str = _KEY) -> bytes:
    """Return what a playbook's file holds.

    Raises
    ------
    ConfigError
        If it is not there, not inside the project, or larger than 1 MB.
    """
    data = read_small(resolve(name, root=root, key=key), name=name, key=key)
    if len(data) > MAX_BYTES:
        raise ConfigError("larger than 1 MB", rule="config.file_size", file=name, column=key)
    return data


def playbook_rows(data: bytes, name: str, form: Form = _ACTIONS) -> list[PlaybookRow]:
    """Return the rows of a playbook's file.

    Raises
    ------
    ConfigError
        If it cannot be read, holds no rows, or has other columns than it may.
    """
    rows = list(_yaml_rows(data, name, form) if name.endswith((".yaml", ".yml")) else _csv_rows(data, name, form))
    if not rows:
        raise ConfigError("holds no rows", rule=form.rule, file=name, next_step=f"See {form.page}.")
    return rows


def _yaml_rows(data: bytes, name: str, form: Form) -> Iterator[PlaybookRow]:
    """Yield the entries of the list ``playbook``."""
    parsed = parse_yaml(data, file=name)
    entries = parsed.value.get("playbook")
    if set(parsed.value) != {"playbook"} or not isinstance(entries, list):
        raise form.refuse("must be one list under the key playbook", name, 1)
    for place, entry in enumerate(entries):
        line = parsed.lines.get(("playbook", place), 1)
        if not isinstance(entry, dict) or not all(cell is None or isinstance(cell, str) for cell in entry.values()):
            raise form.refuse("each entry must be a block of texts", name, line)
        _check_columns(list(entry), name, line, form)
        yield PlaybookRow(line, {column: str(cell or "") for column, cell in entry.items()})


def _csv_rows(data: bytes, name: str, form: Form) -> Iterator[PlaybookRow]:
    """Yield the rows of a CSV file; the header says which of comma, semicolon and tab parts the fields."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise form.refuse("is not UTF-8", name, None, "Save it as CSV UTF-8.") from None
    header = next(iter(text.splitlines()), "")
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [cell.strip() for cell in next(reader, [])]
        _check_columns(columns, name, 1, form)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                raise form.refuse(f"has {len(cells)} fields, the header {len(columns)}", name, reader.line_num)
            yield PlaybookRow(reader.line_num, dict(zip(columns, cells, strict=True)))
    except csv.Error:
        raise form.refuse("cannot be read as CSV", name, reader.line_num, "Look for an open quote.") from None


def _check_columns(columns: list[str], name: str, line: int, form: Form) -> None:
    for column in columns:
        if column not in form.columns:
            near = did_you_mean(column, form.columns) or f"There are: {', '.join(form.columns)}."
            raise form.refuse("holds a column that is none", name, line, near)
    if len(set(columns)) < len(columns):
        raise form.refuse("names a column twice", name, line)
    if missing := [column for column in form.required if column not in columns]:
        raise form.refuse(f"lacks the column {missing[0]}", name, line, f"There are: {', '.join(form.columns)}.")
