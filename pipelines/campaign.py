"""Stage campaign: scores, contact data and consent in, the lists of one campaign and those beside it out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.flow.deliver import make_lists
from churnml.flow.guard import regime_of
from churnml.flow.known import contact_data
from churnml.flow.list_files import RECORDS
from churnml.flow.named import open_named
from churnml.flow.other_lists import make_other_lists
from churnml.flow.plan import campaign_plan
from churnml.parquet import read_parquet
from churnml.stage import parse_paths, run_stage


def main(argv: Sequence[str] | None = None) -> int:
    """Decide for every customer: contact, hold out, or leave out with the first reason; write the files."""
    args = parse_paths(argv, inputs=["prepared", "scores", "labels", "warning"], outputs=["lists", "holdouts"])
    params, history = load_params(args.params), open_named(args.prepared, root=Path.cwd())
    regime = regime_of(params, history, verdict=args.warning)
    scores, plan = read_parquet(args.scores), campaign_plan(params, regime=regime)
    places = {"labels": args.labels, "folder": args.lists, "holdouts": args.holdouts, "records": RECORDS}
    make_lists(params, history, scores, regime=regime, **places)
    beside = {"plan": plan, "labels": args.labels, "folder": args.lists}
    for unmade in make_other_lists(params, history, scores, contact_data(params, history, plan=plan), **beside):
        sys.stdout.write(unmade.sentence(plan.language) + "\n")
    return 0


if __name__ == "__main__":
    run_stage(main)
