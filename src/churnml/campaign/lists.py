"""The files of a campaign: whom to contact, whom to leave alone for the comparison, who was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.columns import CONTACT, EXCLUDED, HOLDOUT, file_table, headers
from churnml.campaign.decisions import LimitUse
from churnml.campaign.delta_list import Delta, delta_listing, delta_of, delta_section
from churnml.campaign.list_page import explanation, list_page, listed_total
from churnml.campaign.listings import contact_listing
from churnml.campaign.plan import ActionPlan
from churnml.campaign.record import RECORD_FILE, record, write_record
from churnml.campaign.targeting import EXCLUSIONS, Decisions, decide
from churnml.exports.listing import Listing, sheets_of
from churnml.exports.long_texts import shortened
from churnml.exports.tables import write_csv
from churnml.exports.workbook import MAX_ROWS, write_workbook
from churnml.storage import digest_file, new_folder, write_bytes, write_json
from churnml.wording import LANGUAGES, languages_from, words

__all__ = ["Decisions", "FileOptions", "decide", "write_lists"]


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How the files for people are written.

    Parameters
    ----------
    csv_bom : bool
        Whether CSV files begin with the mark by which Excel knows UTF-8.
    shorten : bool
        Whether a text that no Excel cell holds is cut, and says so; False refuses the list. Ids are never cut.
    names_on_page : bool
        Whether the page shows customers' names.
    """

    csv_bom: bool = True
    shorten: bool = False
    names_on_page: bool = False


def write_lists(
    decisions: Decisions,
    folder: Path,
    *,
    config_digest: str = "",
    options: FileOptions | None = None,
    previous: pa.Table | None = None,
    provenance: Mapping[str, Any] | None = None,
    also: Callable[[Path], None] | None = None,
) -> dict[str, Any]:
    """Write the files of a campaign into one folder, complete or absent.

    ``contact.csv`` and ``contact.xlsx`` (whom to contact), ``holdout.csv`` (set aside, without anything to contact them
    by), ``excluded.csv`` (left out, with the first reason), ``delta.csv`` (changes since the previous run),
    ``decisions.parquet`` (what the next run is compared with), ``index.html``, and ``manifest.json`` last. Texts in the
    CSV files that a spreadsheet would run are neutralised, see :mod:`churnml.exports.formulas`.

    Parameters
    ----------
    decisions : Decisions
    folder : Path
        Takes the place of an earlier folder of that name.
    config_digest : str, optional
        SHA-256 of the configuration the decisions were made under.
    options : FileOptions, optional
    previous : Table, optional
        The record of the previous run, see :func:`churnml.campaign.record.previous_record`; None = there was none.
    provenance : mapping, optional
        What else the manifest says of where the decisions come from: ``data`` and ``code``.
    also : callable, optional
        Writes further files and folders into the folder before the manifest names them all.

    Returns
    -------
    dict
        The manifest: ranking, counts, consent tallies, versions, and rows and SHA-256 of each file.

    Raises
    ------
    PrivacyError
        If a value does not fit a file, or would be cut.
    EnvironmentFault
        If the folder cannot be written.
    """
    options = options or FileOptions()
    recorded = record(decisions)
    delta = delta_of(previous, recorded)
    listing = _contact_listing(decisions, options)
    changes = delta_listing(delta, decisions)
    language = decisions.plan.language
    tables = {
        "contact.csv": listing.tables[language],
        "holdout.csv": file_table(decisions, "holdout", HOLDOUT),
        "excluded.csv": file_table(decisions, "excluded", EXCLUDED),
        "delta.csv": changes.tables[language],
    }
    with new_folder(folder) as temp:
        for name, table in tables.items():
            titles = headers(table.column_names, decisions)
            write_csv(table, temp / name, headers=titles, bom=options.csv_bom)
        _write_workbook(decisions, listing, changes if delta.since else None, temp / "contact.xlsx")
        sections = {each: [delta_section(delta, changes, each)] for each in LANGUAGES}
        write_bytes(list_page(decisions, listing, further=sections), temp / "index.html")
        write_record(recorded, temp / RECORD_FILE)
        rows = {name: table.num_rows for name, table in tables.items()}
        rows |= {"contact.xlsx": listing.n_rows, RECORD_FILE: recorded.num_rows}
        if also is not None:
            also(temp)
        manifest = _manifest(decisions, temp, rows, config_digest)
        manifest |= {"delta": _delta_facts(delta), **(provenance or {})}
        write_json(manifest, temp / "manifest.json")
    return manifest


def _contact_listing(decisions: Decisions, options: FileOptions) -> Listing:
    """Return the contact list in both languages, the campaign's first."""
    told = {}
    for language in languages_from(decisions.plan.language):
        table = file_table(decisions, "contact", CONTACT, language=language)
        told[language] = shortened(table, keep=("customer_id",), language=language) if options.shorten else table
    return contact_listing(decisions, told, CONTACT, names_on_page=options.names_on_page)


def _write_workbook(decisions: Decisions, listing: Listing, changes: Listing | None, path: Path) -> None:
    names = [column.name for column in listing.columns]
    sheets = sheets_of(listing, _titles("list.contact_sheet"), frozen=2, max_rows=MAX_ROWS)
    if changes is not None:
        sheets += sheets_of(changes, _titles("delta.sheet"), frozen=2, max_rows=MAX_ROWS)
    write_workbook(path, sheets, explanation=explanation(decisions, names), made=decisions.as_of)


def _titles(key: str) -> dict[str, str]:
    return {language: words(key, language) for language in LANGUAGES}


def _delta_facts(delta: Delta) -> dict[str, Any]:
    counts = {change: sum(reasons.values()) for change, reasons in delta.counts().items()}
    return {"since": None if delta.since is None else dict(delta.since), **counts}


def _manifest(decisions: Decisions, folder: Path, rows: dict[str, int], config_digest: str) -> dict[str, Any]:
    plan = decisions.plan
    counts = Counter(decisions.table["decision"].to_pylist())
    reasons = Counter(decisions.of("excluded")["exclusion"].to_pylist())
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        "campaign": plan.name,
        "as_of": decisions.as_of.isoformat(),
        "policy_version": plan.policy_version,
        "effective_from": plan.effective_from or None,
        "stop_on": plan.stop_on.isoformat() if plan.stop_on else None,
        "ranking": decisions.ranking,
        "model_version": decisions.model_version,
        "stale": list(decisions.stale),
        "regime": plan.regime.facts(),
        "config_digest": config_digest,
        "language": plan.language,
        "currency": plan.currency,
        "economics": {
            "actions": {action.name: _economics(action) for action in plan.choices},
            "capacity": plan.capacity,
            "budget": plan.budget,
            "contacts_cost": decisions.spent,
            "contacts_expected_gain": listed_total(decisions, "expected_gain")
            if decisions.ranking == "expected_gain"
            else None,
            "contacts_expected_kept": decisions.kept,
            "gap": decisions.gap,
        },
        "limits": [_limit(one) for one in decisions.limits],
        "late": _n_late(decisions),
        "holdout": {"share": plan.holdout_share, "seed": plan.seed, "drawn": decisions.ledger.num_rows},
        "counts": {
            "customers": decisions.table.num_rows,
            **{name: counts[name] for name in ("contact", "holdout", "excluded")},
        },
        "excluded": {reason: reasons[reason] for reason in EXCLUSIONS if reasons[reason]},
        "consent": {
            "mode": decisions.consent_mode,
            "meaning": words(f"list.consent_{decisions.consent_mode}", plan.language),
            "channels": {channel: dict(tally) for channel, tally in decisions.consent.items()},
        },
        "formula_guard": "apostrophe",
        "files": {
            name: {"bytes": path.stat().st_size, "rows": rows.get(name), "sha256": digest_file(path)}
            for name, path in files.items()
        },
    }


def _economics(action: ActionPlan) -> dict[str, Any]:
    return {
        "channels": list(action.channels),
        "effect": action.effect,
        "effect_low": action.effect_low,
        "effect_high": action.effect_high,
        "effect_by_segment": dict(action.effect_by_segment),
        "cost": action.cost,
        "gives": action.gives,
        "gives_share": action.gives_share,
        "take_rate": action.take_rate,
    }


def _limit(one: LimitUse) -> dict[str, Any]:
    """Return how far a limit went; its figures rounded, so that sums in another order say the same."""
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(one).items()}


def _n_late(decisions: Decisions) -> int:
    """Return how many contacts are planned later than they should be made: the places of the days before are taken."""
    rows = decisions.of("contact")
    return int(pc.sum(pc.greater(rows["contact_on"], rows["contact_by"])).as_py() or 0)
