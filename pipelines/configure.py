"""Stage configure: params.yaml in, the same with every default filled in out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params, with_own_digests, write_resolved
from churnml.flow.crisis_playbook import with_response_digest
from churnml.flow.export_plan import check_exports, with_export_digests
from churnml.flow.forgotten import with_forgotten_digest
from churnml.flow.kept_lists import with_listed_digest
from churnml.flow.playbook import check_playbooks, with_playbook_digests
from churnml.flow.pseudonyms import with_pseudonym_key
from churnml.flow.relationship_actions import with_actions_digest
from churnml.flow.told import with_outcomes_digest
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Validate ``params.yaml`` and write all keys, so that each later stage can depend on exactly its own.

    The digests of own features' files, playbooks, templates and mappings are among them: a changed file runs again what
    depends on it. What playbook and exports need is looked at here already, hours before they are used.
    """
    args = parse_paths(argv, inputs=[], outputs=["resolved"])
    params, root = load_params(args.params), Path.cwd()
    check_playbooks(params, root=root)
    params = with_playbook_digests(with_own_digests(params, root=root), root=root)
    params = with_forgotten_digest(with_export_digests(params, root=root), root=root)
    params = with_pseudonym_key(params, root=root)
    check_exports(params, root=root)
    params = with_response_digest(with_actions_digest(params, root=root), root=root)
    params = with_listed_digest(with_outcomes_digest(params, root=root), root=root)
    write_resolved(params, args.resolved)
    return 0


if __name__ == "__main__":
    run_stage(main)
