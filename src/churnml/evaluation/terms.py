"""What a campaign can do and what it costs, as far as the figures need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What figures are computed for.

    Parameters
    ----------
    capacity : int or None
        Contacts that can be made at a cut-off; None or 0: a tenth of the customers.
    effect : float
        Share of would-be churners whom a contact keeps, in (0, 1].
    cost : float
        Of one contact, in currency.
    margin : float
        Share of past spend that is margin: the value that leaves with a customer.
    is_out_of_time : bool
        Whether cut-offs are dates; else they are parts of the customers, told apart by chance alone.
    categories : sequence of str
        Features by which customers are parted; none: all categories there are.
    """

    capacity: int | None = None
    effect: float = 0.15
    cost: float = 0.0
    margin: float = 1.0
    is_out_of_time: bool = True
    categories: Sequence[str] = ()

    def fraction(self, *, n_rows: int, n_cut_offs: int) -> float:
        """Return the share of customers that can be contacted, in (0, 1].

        Parameters
        ----------
        n_rows, n_cut_offs : int
            Rows of the backtest, and the cut-offs they are spread over.
        """
        n_at_once = n_rows / n_cut_offs if self.is_out_of_time else n_rows
        return min(1.0, self.capacity / n_at_once) if self.capacity else 0.1
