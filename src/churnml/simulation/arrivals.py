"""When events happen: renewal processes whose pace follows each customer's life."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churnml.simulation.clock import Floats, Ints

__all__ = ["Arrivals", "arrivals"]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events of all customers, sorted by customer and time.

    Parameters
    ----------
    who : ndarray of int64, shape (n_events,)
        Index of the customer.
    position : ndarray of float64, shape (n_events,)
        Time in steps from the start of the window.
    silence : ndarray of float64, shape (n,)
        Expected events since the last event before the step asked for: the age of the running gap.
    """

    who: Ints
    position: Floats
    silence: Floats


def arrivals(
    rng: np.random.Generator,
    intensity: Floats,
    *,
    silence_at: int,
    shape: Ints | None = None,
    head_start: Floats | None = None,
) -> Arrivals:
    """Draw events whose gaps are Erlang distributed in operational time.

    Operational time is the running sum of the intensity, so a customer who slows down keeps the regularity
    of the gaps while they grow longer.

    Parameters
    ----------
    intensity : ndarray, shape (n, n_steps)
        Expected events per step; any step may have none.
    silence_at : int
        Step at whose start the age of the running gap is measured.
    shape : ndarray of int64, shape (n,), optional
        Erlang shape of the gaps; absent = 1, a Poisson process.
    head_start : ndarray, shape (n,), optional
        How much of the first gap has passed before the first step, in expected events.

    References
    ----------
    .. [1] Daley, Vere-Jones (2003). An Introduction to the Theory of Point Processes, section 7.4
       (random time change).
    """
    n, n_steps = intensity.shape
    reach = np.zeros((n, n_steps + 1))
    np.cumsum(intensity, axis=1, out=reach[:, 1:])
    total = reach[:, -1]
    # Enough gaps that running short is out of the question, four standard deviations and four more.
    n_gaps = np.where(total > 0, np.ceil(total + 4 * np.sqrt(total) + 4), 0).astype(np.int64)
    if shape is None:
        gaps = rng.standard_exponential(int(n_gaps.sum()))
    else:
        gaps = rng.standard_gamma(np.repeat(shape, n_gaps).astype(np.float64)) / np.repeat(shape, n_gaps)
    who = np.repeat(np.arange(n), n_gaps)
    first = np.cumsum(n_gaps) - n_gaps
    running = np.concatenate([np.zeros(1), np.cumsum(gaps)])
    begun = np.zeros(n) if head_start is None else head_start
    at = running[1:] - (running[first] + begun)[who]
    keep = (at > 0) & (at < total[who])
    silence = _silence(at, who, first, reach=reach[:, silence_at], begun=begun)
    who, at = who[keep], at[keep]
    # One search for all customers: each customer's operational time follows the previous customer's.
    offset = np.cumsum(total) - total
    edges = (reach + offset[:, None]).ravel()
    flat = np.interp(at + offset[who], edges, np.arange(len(edges), dtype=np.float64))
    position = np.clip(flat - who * (n_steps + 1), 0, np.nextafter(n_steps, 0))
    return Arrivals(who=who, position=position, silence=silence)


def _silence(at: Floats, who: Ints, first: Ints, *, reach: Floats, begun: Floats) -> Floats:
    n_before = np.bincount(who[at <= reach[who]], minlength=len(first))
    last = np.where(n_before > 0, at[np.minimum(first + n_before - 1, max(len(at) - 1, 0))] if len(at) else 0.0, -begun)
    return reach - last
