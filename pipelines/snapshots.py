"""Stage snapshots: prepared histories in, who is observed when out."""

from __future__ import annotations

from collections.abc import Sequence

from churnml.flow.quick_start import quick_start

with quick_start():
    from churnml.config import load_params
    from churnml.flow.spine import make_spine
    from churnml.histories.store import open_history
    from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Write the spine: one row per customer at risk and observation date."""
    args = parse_paths(argv, inputs=["prepared"], outputs=["spine"])
    make_spine(open_history(args.prepared), load_params(args.params), args.spine)
    return 0


if __name__ == "__main__":
    run_stage(main)
