"""Columns under construction: a feature's description beside its values, in the order they are generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.features.plan import Feature

__all__ = ["Columns", "slug"]


def slug(text: str) -> str:
    """Return a text as part of a feature name: letters and digits of any script, the rest underscores.

    Examples
    --------
    >>> slug("Small business (UK)")
    'Small_business_UK'
    """
    return "_".join("".join(c if c.isalnum() else " " for c in text).split()) or "blank"


@dataclass(slots=True)
class Columns:
    """Features of one source and their values.

    Parameters
    ----------
    source : str
        Table the features come from.
    n_rows : int
        Number of snapshots.
    """

    source: str
    n_rows: int
    features: list[Feature] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def empty(self, *shape: int, fill: float = np.nan) -> npt.NDArray[np.float64]:
        """Return an output array of the given shape behind ``n_rows``."""
        return np.full((self.n_rows, *shape), fill, dtype=np.float64)

    def add(
        self,
        measure: str,
        values: npt.NDArray[Any] | pa.Array,
        *,
        family: str,
        unit: str,
        detail: str = "",
        suffix: str = "",
        window_days: int | None = None,
        word: str = "",
    ) -> None:
        """Add one feature named ``<source>_<detail>_<measure>_<suffix>``, empty parts left out.

        A name that is already taken gets a number behind it.
        """
        name = "_".join(part for part in (self.source, slug(detail) if detail else "", measure, suffix) if part)
        taken, number = name, 2
        while taken in self.values:
            taken, number = f"{name}_{number}", number + 1
        self.features.append(Feature(taken, self.source, family, word or measure, unit, window_days, detail))
        self.values[taken] = values if isinstance(values, pa.Array | pa.ChunkedArray) else values.astype(np.float32)

    def add_windows(
        self,
        measure: str,
        values: npt.NDArray[np.float64],
        names: tuple[str, ...],
        *,
        family: str,
        unit: str,
        detail: str = "",
    ) -> None:
        """Add one feature per window from an array of shape (n_rows, n_windows)."""
        for w, name in enumerate(names):
            days = None if name == "all" else int(name.removesuffix("d"))
            self.add(measure, values[:, w], family=family, unit=unit, detail=detail, suffix=name, window_days=days)
