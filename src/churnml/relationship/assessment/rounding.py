"""How figures are rounded before they are kept."""

from __future__ import annotations

import math

__all__ = ["rounded"]


def rounded(value: float | None) -> float | None:
    """Return a figure to ten significant digits: beyond them, machines differ; None where there is none."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.10g}")
