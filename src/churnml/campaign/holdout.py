"""Who is set aside so that the effect of a campaign can be measured: drawn by hash, stable per customer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

__all__ = ["draw", "walk"]


def draw(customers: Iterable[str], *, campaign: str, seed: int) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each customer, the same whenever and beside whomever it is drawn.

    Parameters
    ----------
    customers : iterable of str
        Customer ids.
    campaign : str
        Another campaign draws anew.
    seed : int

    Examples
    --------
    >>> a, b = draw(["1", "2"], campaign="spring", seed=1)
    >>> bool(a == draw(["1"], campaign="spring", seed=1)[0])
    True
    """
    head = hashlib.sha256(f"{seed}\x1f{campaign}\x1f".encode())
    return np.array([_uniform(head, customer) for customer in customers], dtype=np.float64)


def _uniform(head: hashlib._Hash, customer: str) -> float:
    digest = head.copy()
    digest.update(customer.encode())
    # 53 bits fill a float exactly, so the number stays below 1.
    return (int.from_bytes(digest.digest()[:8], "big") >> 11) / 2**53


def walk(uniforms: npt.NDArray[np.float64], *, share: float, n_contacts: int | None) -> npt.NDArray[np.str_]:
    """Walk down a ranking until the contacts are filled; hold-outs met on the way are set aside and cost nothing.

    Parameters
    ----------
    uniforms : ndarray, shape (n_candidates,)
        Draws in order of the ranking.
    share : float
        Share to hold out.
    n_contacts : int or None
        How many to contact; None = all.

    Returns
    -------
    ndarray of str, shape (n_candidates,)
        ``contact``, ``holdout`` or ``over``. Nobody behind the last contact is held out.

    Examples
    --------
    >>> walk(np.array([0.9, 0.05, 0.5, 0.01, 0.7]), share=0.1, n_contacts=2).tolist()
    ['contact', 'holdout', 'contact', 'over', 'over']
    """
    held = uniforms < share
    n_before: npt.NDArray[np.int64] = np.cumsum(~held) - (~held).astype(np.int64)
    is_over = np.zeros(len(uniforms), bool) if n_contacts is None else n_before >= n_contacts
    return np.select([is_over, held], ["over", "holdout"], default="contact")
