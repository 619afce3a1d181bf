"""Stage featurize: spine and prepared histories in, every feature of every snapshot out."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from churnml.flow.quick_start import quick_start, without_pandas

with quick_start():
    from churnml.config import load_params
    from churnml.exports.features_page import features_page
    from churnml.features.dictionary import describe
    from churnml.features.statistics import FeatureStatistics
    from churnml.flow.featurize import featurize
    from churnml.histories.store import open_history
    from churnml.stage import parse_paths, run_stage
    from churnml.storage import write_bytes, write_json


def main(argv: Sequence[str] | None = None, *, is_alone: bool = False) -> int:
    """Sweep the histories backwards from each observation date, and write what each column means and looks like."""
    args = parse_paths(argv, inputs=["prepared", "spine"], outputs=["features", "dictionary", "page"])
    params = load_params(args.params)
    if is_alone and not params.features.own:  # what somebody else wrote may use data frames
        without_pandas()
    history, statistics = open_history(args.prepared), FeatureStatistics()
    described = featurize(history, params, args.spine, args.features, root=Path.cwd(), statistics=statistics)
    figures = statistics.finish()
    entries = describe(described, figures)
    write_json(entries, args.dictionary)
    write_bytes(features_page(entries, figures.sample), args.page)
    return 0


if __name__ == "__main__":
    gc.set_threshold(20_000)  # descriptions of columns are many, and no garbage
    run_stage(partial(main, is_alone=True))
