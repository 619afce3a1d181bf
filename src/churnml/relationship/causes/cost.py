"""What a lost customer costs in full."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

__all__ = ["CostRule", "LostCost"]

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class LostCost:
    """Parts of the cost of one lost customer, to the cent; they add up to ``total``."""

    margin: Decimal
    replacement: Decimal
    word_of_mouth: Decimal

    @property
    def total(self) -> Decimal:
        """Return the sum of the parts."""
        return self.margin + self.replacement + self.word_of_mouth


@dataclass(frozen=True, slots=True)
class CostRule:
    """How the cost is counted.

    Parameters
    ----------
    replacement : float
        What winning one new customer costs, in the currency of the histories, at least 0.
    word_of_mouth : float
        Share of the lost margin that is lost once more with customers who hear of it, at least 0.
    horizon_days : float
        Over how long the margin is missed.
    discount_rate_yearly : float
    """

    replacement: float = 0.0
    word_of_mouth: float = 0.0
    horizon_days: float = 365.0
    discount_rate_yearly: float = 0.0

    def of(self, yearly_margin: float, *, away_days: float | None = None) -> LostCost:
        """Return the cost of losing a customer who brought ``yearly_margin`` in the year before leaving.

        The margin of each month of the horizon is discounted to its middle; a customer who brought nothing, or less,
        costs no margin. Who came back after ``away_days`` was missed for as long, and need not be replaced.

        Examples
        --------
        >>> cost = CostRule(replacement=30, word_of_mouth=0.2).of(100)
        >>> cost.margin, cost.word_of_mouth, cost.total
        (Decimal('100.00'), Decimal('20.00'), Decimal('150.00'))
        """
        is_back = away_days is not None
        years = min(self.horizon_days, self.horizon_days if away_days is None else away_days) / 365.0
        n = max(1, round(12 * years))
        middles = ((month + 0.5) * years / n for month in range(n))
        missed = max(yearly_margin, 0.0) * sum((1 + self.discount_rate_yearly) ** -at for at in middles) * years / n
        margin = _cents(missed)
        return LostCost(
            margin, _cents(0.0 if is_back else self.replacement), _cents(float(margin) * self.word_of_mouth)
        )


def _cents(amount: float) -> Decimal:
    return Decimal(repr(float(amount))).quantize(_CENT, ROUND_HALF_UP)
