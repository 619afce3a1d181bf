"""Stage configure: params.yaml in, the same with every default filled in out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params, with_own_digests, write_resolved
from churnml.flow.export_plan import check_exports, with_export_digests
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Validate ``params.yaml`` and write all keys, so that each later stage can depend on exactly its own.

    The digests of own features' files, templates and mappings are among them: a changed file runs again what depends
    on it. What the exports need is looked at here already, hours before they are written.
    """
    args = parse_paths(argv, inputs=[], outputs=["resolved"])
    root = Path.cwd()
    params = with_export_digests(with_own_digests(load_params(args.params), root=root), root=root)
    check_exports(params, root=root)
    write_resolved(params, args.resolved)
    return 0


if __name__ == "__main__":
    run_stage(main)
