"""Stage featurize: spine and prepared histories in, every feature of every snapshot out."""

from __future__ import annotations

from collections.abc import Sequence

from churnml.config import load_params
from churnml.features.dictionary import describe
from churnml.flow.featurize import featurize
from churnml.histories.store import open_history
from churnml.stage import parse_paths, run_stage
from churnml.storage import write_json


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep the histories backwards from each observation date, and write what each column means."""
    args = parse_paths(argv, inputs=["prepared", "spine"], outputs=["features", "dictionary"])
    described = featurize(open_history(args.prepared), load_params(args.params), args.spine, args.features)
    write_json(describe(described), args.dictionary)
    return 0


if __name__ == "__main__":
    run_stage(main)
