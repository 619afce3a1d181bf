"""Who is about to leave, as told by a filter that is given the simulated company's true rates.

A customer is settled, fading or gone (docs/simulation.md). From the numbers of visits and orders in steps of ten days
the forward algorithm of a hidden Markov model follows the chances of the three states [1]_; the rates of passing
between them, and how much the fading slow down, are read from the truth, each customer's pace from the own history.
No model of ours is told these rates: the filter shows about how much of the leaving any reader of histories could know.

.. [1] Rabiner (1989). A tutorial on hidden Markov models. Proceedings of the IEEE 77(2), 257-286.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Floats = npt.NDArray[np.float64]
STEP_DAYS, N_STEPS, AHEAD = 10, 110, 9
DAY_US = 86_400_000_000
MONTH_STEPS = 3
LEAST_PACE = 0.01
UNSURE_STEPS = 6
"""The last steps before the newest sign of life say little of the usual pace: the customer may have been fading."""


def foretold_leaving(root: Path, ids: pa.Array, segment: npt.NDArray[Any]) -> Floats:
    """Return each customer's chance of leaving within 90 days.

    Parameters
    ----------
    root : Path
        Project folder with a simulated company and its truth.
    ids : Array of string
    segment : ndarray of str
    """
    truth = json.loads((root / "data/simulated_truth/truth.json").read_text(encoding="utf-8"))
    mechanism = truth["mechanism"]
    as_of = pc.cast(pa.scalar(truth["end"]), pa.timestamp("us")).value
    joined = pq.read_table(root / "data/simulated/customers.parquet", columns=["customer_id", "joined_on"])
    begun = _steps_ago(
        joined["joined_on"].take(pc.index_in(ids, value_set=joined["customer_id"].combine_chunks())), as_of
    )
    known = np.arange(N_STEPS)[None, :] >= N_STEPS - 1 - np.minimum(begun, N_STEPS - 1)[:, None]
    kinds = (("visits", "visited_at", "fading_visits_factor"), ("orders", "ordered_at", "fading_orders_factor"))
    counts = [_counts(root / f"data/simulated/{table}.parquet", time, ids, as_of) for table, time, _ in kinds]
    paces = [_pace(count, sum(counts), known) for count in counts]
    slow = [float(mechanism[factor]) for _, _, factor in kinds]
    move = _moves(mechanism, segment, [str(level) for level in truth["segments"]])
    state = np.tile([1.0, 0.0, 0.0], (len(ids), 1))
    for step in range(N_STEPS):
        seen = np.einsum("ni,nij->nj", state, move) * _likelihoods([c[:, step] for c in counts], paces, slow)
        state = np.where(known[:, [step]], seen / seen.sum(axis=1, keepdims=True), state)
    ahead = np.linalg.matrix_power(move, AHEAD)
    return np.asarray(state[:, 0] * ahead[:, 0, 2] + state[:, 1] * ahead[:, 1, 2])


def _steps_ago(times: pa.ChunkedArray, as_of: int) -> npt.NDArray[np.int64]:
    instants = times.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    return np.asarray((as_of - instants) // (STEP_DAYS * DAY_US), dtype=np.int64)


def _counts(path: Path, time: str, ids: pa.Array, as_of: int) -> Floats:
    """Return the number of rows per customer and step, the newest step last; refunds are no sign of life."""
    rows = pq.read_table(path)
    if "net_amount" in rows.column_names:
        rows = rows.filter(pc.greater(rows["net_amount"], 0))
    ago = _steps_ago(rows[time], as_of)
    who = pc.index_in(rows["customer_id"], value_set=ids).to_numpy()
    counted = (ago >= 0) & (ago < N_STEPS)
    found = np.zeros((len(ids), N_STEPS))
    np.add.at(found, (who[counted], N_STEPS - 1 - ago[counted]), 1.0)
    return found


def _pace(count: Floats, signs: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Return each customer's usual number a step, from before the newest signs of life."""
    steps = np.arange(N_STEPS)
    newest = np.where(signs > 0, steps, -1).max(axis=1)
    usual = known & (steps[None, :] <= np.maximum(newest - UNSURE_STEPS, known.argmax(axis=1))[:, None])
    return np.maximum((count * usual).sum(axis=1) / np.maximum(usual.sum(axis=1), 1), LEAST_PACE)


def _likelihoods(counts: list[Floats], paces: list[Floats], slow: list[float]) -> Floats:
    """Return how likely the counts of a step are in each state, up to a factor: Poisson numbers."""
    logs = np.zeros((len(paces[0]), 3))
    for count, pace, factor in zip(counts, paces, slow, strict=True):
        for state, share in enumerate((1.0, factor, 0.0)):
            mean = np.maximum(share * pace, 1e-6)
            logs[:, state] += count * np.log(mean) - mean
    return np.exp(logs - logs.max(axis=1, keepdims=True))


def _moves(mechanism: dict[str, Any], segment: npt.NDArray[Any], levels: list[str]) -> Floats:
    """Return the chances of passing from state to state in one step, shape (n_customers, 3, 3)."""

    def chance(rate: Any) -> Any:
        return 1.0 - np.exp(-np.asarray(rate, dtype=np.float64) / MONTH_STEPS)

    fade = np.array([chance(mechanism["fade_rate"][levels.index(level)]) for level in segment])
    moved, leave, recover = (chance(mechanism[k]) for k in ("moved_rate", "leave_rate_fading", "recovery_rate"))
    move = np.zeros((len(segment), 3, 3))
    move[:, 0] = np.column_stack([1 - fade - moved, fade, np.full(len(segment), moved)])
    move[:, 1] = [(1 - leave) * recover, (1 - leave) * (1 - recover), leave]
    move[:, 2, 2] = 1.0
    return move
