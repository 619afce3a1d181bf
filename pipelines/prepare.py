"""Stage prepare: raw files in, checked and sorted buckets of whole customers out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.flow.quick_start import quick_start

with quick_start():
    from churnml.config import load_params
    from churnml.flow.raw import prepare_histories
    from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Read every table once, check it, and write what was found for people and for programs."""
    args = parse_paths(argv, inputs=[], outputs=["prepared", "check", "check_page"])
    prepare_histories(
        load_params(args.params),
        root=Path.cwd(),
        target=args.prepared,
        check=args.check,
        check_page=args.check_page,
        fetched=True,
    )
    return 0


if __name__ == "__main__":
    run_stage(main)
