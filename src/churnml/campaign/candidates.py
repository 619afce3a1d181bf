"""Narrowing: rule by rule fewer actions are left for a customer, and the rule that takes the last one is the reason."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Candidates"]

Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


class Candidates:
    """Which actions are left for each customer, and why none is.

    Parameters
    ----------
    n_customers, n_actions : int

    Examples
    --------
    >>> left = Candidates(2, 2)
    >>> left.keep_only(np.array([[True, False], [False, False]]), "no_action")
    >>> left.leave_out(np.array([True, True]), "in_pause")
    >>> left.reason.tolist()
    ['in_pause', 'no_action']
    """

    def __init__(self, n_customers: int, n_actions: int) -> None:
        self.allowed: Bools = np.ones((n_customers, n_actions), dtype=bool)
        self.reason: Texts = np.full(n_customers, "", dtype=object)
        self.detail: Texts = np.full(n_customers, "", dtype=object)

    @property
    def still(self) -> Bools:
        """Return who has an action left, shape (n_customers,)."""
        return np.asarray(self.reason == "", dtype=bool)

    def leave_out(self, who: Bools, reason: str | Texts, detail: Texts | None = None) -> None:
        """Leave customers out, unless an earlier rule did."""
        new = who & self.still
        self.reason[new] = reason if isinstance(reason, str) else reason[new]
        if detail is not None:
            self.detail[new] = detail[new]
        self.allowed[new] = False

    def keep_only(self, allowed: Bools, reason: str) -> None:
        """Forbid actions; who has none left is left out for this reason."""
        self.allowed &= allowed
        self.leave_out(np.logical_not(self.allowed.any(axis=1)), reason)
