"""The card of a registered version, with who approved it."""

from __future__ import annotations

from pathlib import Path

from churnml.exports.model_card import card_page
from churnml.flow.compare import fetched, side_of
from churnml.flow.promotions import promotions
from churnml.storage import digest_file, private_folder, read_json, write_bytes

__all__ = ["write_card"]


def write_card(root: Path, model: str, name: str) -> Path:
    """Write ``reports/card_<model>_<version>.html``, the version's card with its promotions.

    Parameters
    ----------
    root : Path
    model : str
        ``churn`` or ``clv``.
    name : str
        Alias or version number.

    Raises
    ------
    ModelError
        If there is no such version, or its files are not those that were registered.
    """
    side = side_of(root, model, name)
    with private_folder(root / "data", "card") as private:
        fetched(root, model, side, private / "model")
        facts, digest = read_json(private / "model" / "model.json"), digest_file(private / "model" / "model.json")
    approvals = [line for line in promotions(root, model) if line["digest"] == digest]
    page = root / "reports" / f"card_{model}_{side.version}.html"
    write_bytes(card_page(facts, digest, approvals=approvals), page)
    return page
