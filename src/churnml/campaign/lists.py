"""The files of a campaign: whom to contact, whom to leave alone for the comparison, who was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from churnml.campaign.columns import CONTACT, EXCLUDED, HOLDOUT, file_table, headers
from churnml.campaign.decisions import LimitUse
from churnml.campaign.list_page import explanation, list_page, listed_total
from churnml.campaign.listings import contact_listing
from churnml.campaign.plan import ActionPlan
from churnml.campaign.targeting import EXCLUSIONS, Decisions, decide
from churnml.exports.listing import Listing, sheets_of
from churnml.exports.tables import write_csv
from churnml.exports.workbook import MAX_ROWS, write_workbook
from churnml.storage import digest_file, new_folder, write_bytes, write_json
from churnml.wording import LANGUAGES, languages_from, words

__all__ = ["Decisions", "decide", "write_lists"]


def write_lists(
    decisions: Decisions, folder: Path, *, config_digest: str = "", also: Callable[[Path], None] | None = None
) -> dict[str, Any]:
    """Write the files of a campaign into one folder, complete or absent.

    ``contact.csv`` and ``contact.xlsx`` (whom to contact), ``holdout.csv`` (set aside, without anything to contact them
    by), ``excluded.csv`` (left out, with the first reason), ``index.html``, and ``manifest.json`` last. Texts in the
    CSV files that a spreadsheet would run are neutralised, see :mod:`churnml.exports.formulas`.

    Parameters
    ----------
    decisions : Decisions
    folder : Path
        Takes the place of an earlier folder of that name.
    config_digest : str, optional
        SHA-256 of the configuration the decisions were made under.
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
    tables = {
        "contact.csv": file_table(decisions, "contact", CONTACT),
        "holdout.csv": file_table(decisions, "holdout", HOLDOUT),
        "excluded.csv": file_table(decisions, "excluded", EXCLUDED),
    }
    first, *others = languages_from(decisions.plan.language)
    contacts = tables["contact.csv"]
    told = {first: contacts} | {each: file_table(decisions, "contact", CONTACT, language=each) for each in others}
    listing = contact_listing(decisions, told, CONTACT)
    with new_folder(folder) as temp:
        for name, table in tables.items():
            write_csv(table, temp / name, headers=headers(table.column_names, decisions), bom=True)
        _write_workbook(decisions, listing, temp / "contact.xlsx")
        write_bytes(list_page(decisions, listing), temp / "index.html")
        rows = {name: table.num_rows for name, table in tables.items()} | {"contact.xlsx": contacts.num_rows}
        if also is not None:
            also(temp)
        manifest = _manifest(decisions, temp, rows, config_digest)
        write_json(manifest, temp / "manifest.json")
    return manifest


def _write_workbook(decisions: Decisions, listing: Listing, path: Path) -> None:
    names = [column.name for column in listing.columns]
    titles = {language: words("list.contact_sheet", language) for language in LANGUAGES}
    sheets = sheets_of(listing, titles, frozen=2, max_rows=MAX_ROWS)
    write_workbook(path, sheets, explanation=explanation(decisions, names), made=decisions.as_of)


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
