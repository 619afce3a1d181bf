"""Stage configure: params.yaml in, the same with every default filled in out."""

from __future__ import annotations

from collections.abc import Sequence

from churnml.config import load_params, write_resolved
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Validate ``params.yaml`` and write all keys, so that each later stage can depend on exactly its own."""
    args = parse_paths(argv, inputs=[], outputs=["resolved"])
    write_resolved(load_params(args.params), args.resolved)
    return 0


if __name__ == "__main__":
    run_stage(main)
