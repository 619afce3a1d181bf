"""Stage label: spine and prepared histories in, one churn label and one value per snapshot out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.label import label
from churnml.flow.listed import listed_contacts
from churnml.histories.store import open_history
from churnml.stage import parse_paths, run_stage
from churnml.storage import write_json

DELIVERED = Path("data/lists")
"""Lists of earlier runs. No dependency: they are made from these labels, and an earlier list never changes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Look only after each observation date; what is not settled yet stays missing and is counted."""
    args = parse_paths(argv, inputs=["prepared", "spine"], outputs=["labels", "counts"])
    history, params = open_history(args.prepared), load_params(args.params)
    listed = listed_contacts(params, history, root=Path.cwd())
    counts = label(history, params, args.spine, args.labels, lists=DELIVERED, listed=listed)
    write_json(counts, args.counts)
    return 0


if __name__ == "__main__":
    run_stage(main)
