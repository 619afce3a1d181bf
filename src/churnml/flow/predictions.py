"""A backtest on disk: what model and rules said of rows they had not seen."""

from __future__ import annotations

from pathlib import Path

from churnml.evaluation.backtest import Predictions
from churnml.parquet import read_parquet, write_parquet
from churnml.storage import new_folder, read_json, write_json

__all__ = ["key_of_predictions", "read_predictions", "write_predictions"]

_REASONS = "reasons.parquet"


def write_predictions(tested: Predictions, folder: Path, *, is_out_of_time: bool, key_id: str | None = None) -> None:
    """Write a backtest's predictions and what belongs to them; ``key_id`` names the key of its pseudonyms."""
    facts = {
        "kind": tested.kind,
        "absent": dict(tested.absent),
        "skipped": dict(tested.skipped),
        "fits": list(tested.fits),
        "is_out_of_time": is_out_of_time,
    } | ({} if key_id is None else {"pseudonyms": key_id})
    with new_folder(folder) as temp:
        write_parquet(tested.table, temp / "predictions.parquet")
        write_json(facts, temp / "facts.json")
        if tested.reasons is not None:
            write_parquet(tested.reasons, temp / _REASONS)


def key_of_predictions(folder: Path) -> str | None:
    """Return the name of the key whose pseudonyms stand in a backtest; None = ids as delivered."""
    found: str | None = read_json(folder / "facts.json").get("pseudonyms")
    return found


def read_predictions(folder: Path) -> tuple[Predictions, bool] | None:
    """Return a backtest's predictions and whether they are out of time; None where there is no such model."""
    if (folder / "absent.json").exists():
        return None
    facts = read_json(folder / "facts.json")
    table = read_parquet(folder / "predictions.parquet")
    reasons = read_parquet(folder / _REASONS) if (folder / _REASONS).exists() else None
    said = Predictions(facts["kind"], table, facts["absent"], facts["skipped"], facts["fits"], reasons)
    return said, facts["is_out_of_time"]
