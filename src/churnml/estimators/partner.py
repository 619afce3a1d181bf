"""A hazard beside the trees: what it says of rows it had not seen, and the one that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from churnml.errors import DataError
from churnml.estimators.boosting import Floats, Matrix
from churnml.estimators.calibrator import logit
from churnml.estimators.durations import Durations
from churnml.estimators.hazard import HazardModel
from churnml.estimators.person_periods import advancing_columns

__all__ = ["HazardPartner"]


@dataclass(frozen=True)
class HazardPartner:
    """Everything a hazard is learned from, and the days at which it may look at it.

    Unlike a classifier it also learns from snapshots whose outcome window is still open.

    Parameters
    ----------
    X : ndarray of float32, shape (n_rows, n_features)
        All snapshots before the tested date, labelled or not, in the columns of the classifier.
    names : sequence of str
        Those columns.
    categorical : sequence of int
        Columns of level numbers.
    durations : Durations
        As known today.
    days : ndarray, shape (n_rows,)
        Observation dates, days.
    customers : ndarray, shape (n_rows,)
    checked_day, tested_day : float
        Date of the rows that weigh the parts, and of those that are scored.
    horizon_days, lead_days, settle_days : float
    settings : dict
        Arguments of `HazardModel`.
    is_kept : bool
        Keep the hazard also where it gets no weight, for its risks over other horizons.
    monotone : mapping of int to int
        Columns whose effect on the risk may only go up (1) or down (-1).
    """

    X: Matrix
    names: Sequence[str]
    categorical: Sequence[int]
    durations: Durations
    days: Floats
    customers: npt.NDArray[np.int64]
    checked_day: float
    tested_day: float
    horizon_days: float
    lead_days: float
    settle_days: float
    settings: dict[str, Any]
    is_kept: bool = False
    monotone: Mapping[int, int] = field(default_factory=dict)

    def unseen(self, X: Matrix, *, columns: npt.NDArray[np.int64]) -> Floats | None:
        """Return log odds of the rows at ``checked_day`` by a hazard that knew nothing later; None = too few events.

        ``columns`` are those of ``X`` that the hazard looks at.
        """
        model = self._known_on(self.checked_day, columns)
        return None if model is None else logit(model.risk(X, [self.horizon_days])[:, 0])

    def fitted(self, *, columns: npt.NDArray[np.int64]) -> HazardModel | None:
        """Return the hazard fitted on what was known on ``tested_day``; None = too few events."""
        return self._known_on(self.tested_day, columns)

    def _known_on(self, day: float, columns: npt.NDArray[np.int64]) -> HazardModel | None:
        before = np.flatnonzero(self.days < day)
        known = Durations(self.durations.event_days[before], self.durations.observed_days[before]).known_on(
            day, dates=self.days[before], lead_days=self.lead_days, settle_days=self.settle_days
        )
        try:
            return HazardModel(horizon_days=self.horizon_days, **self.settings).fit(
                self.X[before],
                known,
                dates=self.days[before] + self.lead_days,
                categorical=self.categorical,
                advancing=advancing_columns(self.names),
                groups=self.customers[before],
                columns=columns,
                monotone=self.monotone,
            )
        except DataError as error:
            if error.rule in {"data.no_rows", "data.no_events", "data.too_few_events"}:
                return None
            raise
