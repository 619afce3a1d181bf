"""The block ``exports`` as the layouts that the exports take; checked before anything is learned."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from churnml.config import CustomersTable, ExportTarget, Params
from churnml.config.small_files import MAX_BYTES, read_small
from churnml.config.strict_yaml import parse_yaml
from churnml.errors import ConfigError
from churnml.exports.crm.audiences import check_audience_name
from churnml.exports.crm.target import Layout, Options, layout_of
from churnml.exports.crm.template import fit_to_template, read_template
from churnml.storage import digest_file, resolve

__all__ = ["DECIDED", "available_columns", "check_exports", "layout_for", "with_export_digests"]

DECIDED = (
    *("customer_id", "rank", "channel", "action", "contact_by", "p_churn", "risk_band", "clv", "value_tier"),
    *("value_at_risk", "expected_gain", "reason_1", "reason_2", "reason_3", "campaign", "holdout", "scored_at"),
    *("model_version", "policy_version"),
)
"""What the exports know of each contact beside the contact data."""

_MONTH_DAYS = 365.25 / 12
_MEGABYTE = 1_000_000


def available_columns(params: Params) -> set[str]:
    """Return every column that a target can be filled from."""
    tables = (table for table in params.histories.tables.values() if isinstance(table, CustomersTable))
    return {*DECIDED, *(role for table in tables for role in table.contact.columns)}


def check_exports(params: Params, *, root: Path) -> None:
    """Hold every target to its rules, so that a mistake stops before anything is learned.

    Raises
    ------
    ConfigError
        If an edition does not exist, the data name no column a target needs, or template and mapping do not fit.
    PrivacyError
        If an audience's name is not neutral.
    """
    for entry in params.exports.targets:
        layout_for(entry, params, available_columns(params), root=root)
        if entry.audience is not None:
            check_audience_name(entry.audience)


def layout_for(entry: ExportTarget, params: Params, available: Collection[str], *, root: Path) -> Layout:
    """Return what is written for a target.

    Parameters
    ----------
    entry : ExportTarget
    params : Params
    available : collection of str
        Columns that the rows have.
    root : Path
        Project folder, for template and mapping.

    Raises
    ------
    ConfigError
        As :func:`check_exports`.
    """
    layout = layout_of(_options(entry, params), available)
    if entry.template is None or entry.mapping is None:
        if entry.target == "fxiaoke":
            raise ConfigError(
                "needs the tenant's template and a mapping",
                rule="config.target", file="params.yaml", column="exports.targets.fxiaoke",
                next_step="Give template and mapping; docs/crm.md shows both.",
            )  # fmt: skip
        return layout
    place = resolve(entry.template, root=root, key="exports.targets.template")
    template = read_template(place, header_row=entry.header_row, sheet=entry.sheet)
    return fit_to_template(layout, template, _mapping(entry.mapping, root=root), available)


def _mapping(name: str, *, root: Path) -> Mapping[str, Any]:
    key = "exports.targets.mapping"
    data = read_small(resolve(name, root=root, key=key), name=name, key=key)
    if len(data) > MAX_BYTES:
        raise ConfigError("larger than 1 MB", rule="config.file_size", file=name, column=key)
    return parse_yaml(data, file=name).value


def _options(entry: ExportTarget, params: Params) -> Options:
    days = params.clv.horizon_days if params.clv is not None else 365
    return Options(
        target=entry.target,
        edition=entry.edition,
        create=entry.create,
        ids_only=entry.ids_only,
        id=entry.id,
        consent=entry.consent,
        headers=entry.headers,
        picks=entry.picks,
        max_rows=entry.max_rows,
        max_bytes=None if entry.max_megabytes is None else int(entry.max_megabytes * _MEGABYTE),
        language=params.campaign.language,
        clv_months=max(1, round(days / _MONTH_DAYS)),
    )


def with_export_digests(params: Params, *, root: Path) -> Params:
    """Return the parameters with the digests of templates and mappings, so that a changed file changes them."""
    targets = tuple(
        entry.model_copy(update={"digests": tuple(_digest(name, root) for name in (entry.template, entry.mapping))})
        if entry.template and entry.mapping
        else entry
        for entry in params.exports.targets
    )
    return params.model_copy(update={"exports": params.exports.model_copy(update={"targets": targets})})


def _digest(name: str | None, root: Path) -> str:
    path = resolve(name or "", root=root, key="exports.targets")
    if not path.is_file():
        raise ConfigError("file not found", rule="config.file_missing", file=name, column="exports.targets")
    return digest_file(path)
