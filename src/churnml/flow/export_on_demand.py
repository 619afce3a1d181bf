"""An export asked for by command: from a stored list, with contact data and consent as they are now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from churnml.config import ExportTarget, Params
from churnml.exports.crm.target import facts_of
from churnml.flow.exporting import read_list, write_targets
from churnml.flow.known import contact_data
from churnml.flow.named import open_named
from churnml.flow.plan import campaign_plan
from churnml.flow.receipts import EXPORTS
from churnml.storage import resolve

__all__ = ["export_on_demand"]


def export_on_demand(
    params: Params, *, root: Path, target: str, listed: str | None = None, out: Path | None = None, **more: Any
) -> tuple[dict[str, Any], Path]:
    """Write the files of one target from a list that the campaign stage has stored.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.
    target : str
        Target, or the name of one under ``exports.targets``, whose settings then hold.
    listed : str, optional
        Name of the list; None = the campaign's.
    out : Path, optional
        Folder; None = ``data/exports/<list>/<target>``.
    **more : object
        Keys of ``exports.targets`` that take the place of what the configuration says.

    Returns
    -------
    tuple of dict and Path
        Manifest and folder.

    Raises
    ------
    ConfigError
        If there is no such target, or it cannot be filled from these data.
    DataError
        If there is no such list.
    PrivacyError
        If the target's rules do not hold for what was written.
    """
    entry, plan = _entry(params, target, more), campaign_plan(params)
    name = listed or plan.name
    rows = read_list(resolve(f"data/lists/{name}", root=root, key="--list"))
    contacts = contact_data(params, open_named(root / "data" / "prepared", root=root), plan=plan)
    folder = out or root / EXPORTS / name / entry.folder
    made = write_targets(params, rows, contacts, plan=plan, root=root, folders=[(entry, folder)])
    return made[0], folder


def _entry(params: Params, target: str, more: dict[str, Any]) -> ExportTarget:
    given = {key: value for key, value in more.items() if value is not None and value is not False}
    for entry in params.exports.targets:
        if target in {entry.folder, entry.target}:
            return ExportTarget.model_validate(entry.model_dump() | given)
    facts_of(target)  # an unknown target is told with the nearest known one
    return ExportTarget.model_validate({"target": target, **given})
