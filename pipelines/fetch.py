"""Stage fetch: a database in, its relations as they were at one instant out, one Parquet file each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.fetch import fetch
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Read every relation that params.yaml names, in one snapshot."""
    args = parse_paths(argv, inputs=[], outputs=["fetched"])
    fetch(load_params(args.params), args.fetched, root=Path.cwd())
    return 0


if __name__ == "__main__":
    run_stage(main)
