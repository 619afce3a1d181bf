"""How far reasons can be trusted: faithfulness and stability, with their noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.evaluation.noise import Replicates, replicate
from churnml.evaluation.weighted import mean

__all__ = ["reason_figures"]

_COLUMNS = ("beats_other", "drop", "drop_other", "is_first_kept", "kept")


def reason_figures(checked: pa.Table | None) -> dict[str, Any] | None:
    """Return the means over checked rows with 95 % intervals; None where nothing was checked.

    Parameters
    ----------
    checked : Table or None
        As from :func:`churnml.reasons.checked.checked_reasons`.

    Returns
    -------
    dict or None
        ``n_rows``, ``n_customers``; ``beats_other``, ``drop``, ``drop_other``, ``is_first_kept``, ``kept``, each with
        ``_low`` and ``_high``; one that cannot be told is None.
    """
    if checked is None or not checked.num_rows:
        return None
    found: dict[str, Any] = {
        "n_rows": checked.num_rows,
        "n_customers": pc.count_distinct(checked["customer_id"]).as_py(),
    }
    for name in _COLUMNS:
        known = checked.filter(pc.is_valid(checked[name]))
        found |= _with_interval(name, known)
    return found


def _with_interval(name: str, known: pa.Table) -> dict[str, float | None]:
    keys = (name, f"{name}_low", f"{name}_high")
    if not known.num_rows:
        return dict.fromkeys(keys)
    values = known[name].to_numpy()
    customers = pc.rank(known["customer_id"].combine_chunks(), tiebreaker="dense").to_numpy().astype(np.int64) - 1
    estimate = Replicates(float(values.mean()), replicate({name: mean(values)}, customers)[name]).estimate()
    ends = (estimate.low, estimate.high) if estimate else (None, None)
    return dict(zip(keys, (float(values.mean()), *ends), strict=True))
