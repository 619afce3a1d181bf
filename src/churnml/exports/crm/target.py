"""What a target takes: headers, kinds, limits and rules, read from one data file a target."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from typing import Any, Literal

from churnml.errors import ConfigError, did_you_mean

__all__ = ["TARGETS", "Column", "Layout", "Options", "facts_of", "layout_of"]

TARGETS = (
    "zoho",
    "hubspot",
    "salesforce",
    "fxiaoke",
    "braze",
    "klaviyo",
    "google_customer_match",
    "meta_custom_audiences",
)
"""Every target there is a data file for."""

Container = Literal["csv", "zip", "xlsx"]
Mode = Literal["update", "create", "audience"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a project chose for one target.

    Parameters
    ----------
    target : str
        One of :data:`TARGETS`.
    edition : str, optional
        Which limits hold; None = the smallest.
    create : bool
        Rows without a record there become new records. Otherwise only records named by their id are updated.
    ids_only : bool
        Write the ids and nothing else, where the target makes a segment of them.
    id : str, optional
        Column of the rows that holds the record id, for example ``customer_id``; None = the usual contact roles.
    consent : str, optional
        Channel whose consent opens this use; None = the target's own.
    headers : mapping
        Header of the data file -> name of the field in this tenant.
    picks : mapping
        Source column -> code -> value of the tenant's pick list.
    max_rows, max_bytes : int, optional
        Tighter limits of a file.
    language : str
        ``en`` or ``zh``: language of values in words.
    clv_months : int
        Months that the value to come is counted for.
    """

    target: str
    edition: str | None = None
    create: bool = False
    ids_only: bool = False
    id: str | None = None
    consent: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    picks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    max_rows: int | None = None
    max_bytes: int | None = None
    language: str = "en"
    clv_months: int = 12


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a target's file.

    Parameters
    ----------
    header : str
    source : str
        Column of the rows it is filled from; empty = ``constant`` in every row.
    kind : str
        ``id``, ``email``, ``phone``, ``text`` (a customer's), ``words`` (ours), ``pick``, ``number``, ``date``,
        ``datetime``, ``boolean``, ``hash`` or ``plain`` (both normalised for an audience).
    required, unique : bool
        A blank, or a second row with the same value, is refused.
    significant : int
        Leading characters by which two ids are the same record; 0 = all.
    decimals : int
    pattern : str
        Regular expression of a whole value; empty = any.
    normalise : str
        How an audience's value is brought into its one form.
    family : str
        Family of the catalogue with the words for the codes of a pick list.
    picks : mapping or None
        Code -> value of the target's pick list.
    split : bool
        May be taken from ``name`` where the data have no column of its own.
    consent : str
        Channel without whose consent the cell stays blank; empty = none.
    constant : str
    """

    header: str
    source: str
    kind: str
    required: bool = False
    unique: bool = False
    significant: int = 0
    decimals: int = 0
    pattern: str = ""
    normalise: str = ""
    family: str = ""
    picks: Mapping[str, str] | None = None
    split: bool = False
    consent: str = ""
    constant: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """A target as one project uses it: what the writer follows and what the validator holds it to."""

    target: str
    edition: str
    mode: Mode
    columns: tuple[Column, ...]
    container: Container
    consent: str
    is_audience: bool
    max_rows: int
    max_bytes: int
    max_columns: int
    least_rows: int
    max_text: int
    bom: bool
    date: str
    datetime: str
    booleans: tuple[str, str]
    forbidden: str
    own_text: Mapping[str, str]
    no_markup: bool
    reserved: tuple[str, ...]
    header_pattern: str
    any_of: tuple[tuple[str, ...], ...]
    together: tuple[str, ...]
    sheet: str = ""
    language: str = "en"

    @property
    def headers(self) -> list[str]:
        """Return the headers in the order of the file."""
        return [column.header for column in self.columns]


@cache
def facts_of(target: str) -> Mapping[str, Any]:
    """Return the data file of a target.

    Raises
    ------
    ConfigError
        If there is no such target.
    """
    if target not in TARGETS:
        raise ConfigError(
            "no such target", rule="config.target", column="exports.targets",
            next_step=did_you_mean(target, TARGETS) or f"Targets: {', '.join(TARGETS)}.",
        )  # fmt: skip
    place = resources.files("churnml.exports.crm") / "targets" / f"{target}.json"
    found: Mapping[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return found


def layout_of(options: Options, available: Collection[str]) -> Layout:
    """Return what to write for a target.

    Parameters
    ----------
    options : Options
    available : collection of str
        Columns that the rows have.
        A target whose columns come from the tenant's own template has none yet, see
        :mod:`churnml.exports.crm.template`.

    Raises
    ------
    ConfigError
        If target or edition do not exist, or the rows lack what the target needs to know a record.
    """
    facts = facts_of(options.target)
    edition = options.edition or facts["smallest"]
    if edition not in facts["editions"]:
        raise ConfigError(
            "no such edition of this target", rule="config.edition", column=f"exports.targets.{options.target}.edition",
            next_step=f"Editions: {', '.join(facts['editions'])}.",
        )  # fmt: skip
    rules = {**facts, **facts["editions"][edition]}
    chosen = _chosen(rules, options, available)
    names = {**rules.get("rename", {}), **options.headers}
    columns = tuple(_column(entry, options, available, names) for entry in chosen)
    any_of = tuple(tuple(names.get(header, header) for header in group) for group in rules.get("any_of", ()))
    _check_matchable(columns, any_of, options.target)
    return Layout(
        target=options.target,
        edition=edition,
        mode=_mode(options, rules),
        columns=columns,
        container=rules["container"],
        consent=options.consent or rules["consent"],
        is_audience=rules["audience"],
        max_rows=min(rules["max_rows"], options.max_rows or rules["max_rows"]),
        max_bytes=min(rules["max_bytes"], options.max_bytes or rules["max_bytes"]),
        max_columns=rules.get("max_columns", 1000),
        least_rows=rules.get("least_rows", 0),
        max_text=rules.get("max_text", 255),
        bom=rules["bom"],
        date=rules.get("date", ""),
        datetime=rules.get("datetime", ""),
        booleans=tuple(rules.get("booleans", ("false", "true"))),
        forbidden=rules.get("forbidden", ""),
        own_text=rules.get("own_text", {}),
        no_markup=rules.get("no_markup", False),
        reserved=tuple(rules.get("reserved", ())),
        header_pattern=rules.get("header_pattern", ""),
        any_of=any_of,
        together=tuple(names.get(header, header) for header in rules.get("together", ())),
        language=options.language,
    )


def _check_matchable(columns: Sequence[Column], groups: Sequence[Sequence[str]], target: str) -> None:
    """Refuse an audience whose people could not be found by anything the data have."""
    headers = {column.header for column in columns}
    if groups and not any(headers.issuperset(group) for group in groups):
        raise ConfigError(
            "the data name nothing by which people could be matched",
            rule="config.target_column",
            column=f"exports.targets.{target}",
            next_step="Declare contact.email or contact.phone of the customers table.",
        )


def _mode(options: Options, rules: Mapping[str, Any]) -> Mode:
    if rules["audience"]:
        return "audience"
    return "create" if options.create or rules.get("creates", False) else "update"


def _chosen(rules: Mapping[str, Any], options: Options, available: Collection[str]) -> list[Mapping[str, Any]]:
    """Return the columns of the data file that this project fills; what only counts together is there as a whole."""
    found = [entry for entry in rules["columns"] if _is_wanted(entry, options, available)]
    together = set(rules.get("together", ()))
    whole = together <= {entry["header"] for entry in found}
    return [entry for entry in found if whole or entry["header"] not in together]


def _is_wanted(entry: Mapping[str, Any], options: Options, available: Collection[str]) -> bool:
    mode = "create" if options.create else "update"
    if entry.get("only", mode) != mode or (options.ids_only and not entry.get("ids", False)):
        return False
    return not entry.get("optional", False) or bool(_source(entry, options, available))


def _column(entry: Mapping[str, Any], options: Options, available: Collection[str], names: Mapping[str, str]) -> Column:
    source = _source(entry, options, available)
    sources = _sources(entry)
    if not source and entry.get("required", False):
        raise ConfigError(
            "the data name no column this target needs",
            rule="config.target_column",
            column=f"exports.targets.{options.target}: {entry['header']}",
            next_step=f"Declare {' or '.join(sources)} under contact of the customers table"
            + (", or set id: customer_id where the customers' ids are the records'." if entry["kind"] == "id" else "."),
        )
    header = entry["header"].format(clv_months=options.clv_months)
    taken = {key: value for key, value in entry.items() if key in _TAKEN}
    picks = options.picks.get(source)
    if picks is not None:
        taken["kind"] = "pick"
    return Column(header=names.get(header, header), source=source or sources[0], picks=picks, **taken)


_TAKEN = {f.name for f in fields(Column)} - {"header", "source", "picks", "constant"}


def _sources(entry: Mapping[str, Any]) -> list[str]:
    return [entry["from"]] if isinstance(entry["from"], str) else list(entry["from"])


def _source(entry: Mapping[str, Any], options: Options, available: Collection[str]) -> str:
    """Return the first column of the rows that can fill one of the target's, or nothing."""
    names = _sources(entry)
    if options.id is not None and entry["kind"] == "id":
        names = [options.id]
    if entry.get("split", False) and "name" in available and names[0] not in available:
        return names[0]
    return next((name for name in names if name in available), "")
