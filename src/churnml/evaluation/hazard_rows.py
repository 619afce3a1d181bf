"""All snapshots with what is known of when their event came: from these each fold takes a hazard of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churnml.estimators.durations import Durations
from churnml.estimators.matrix import FeatureSpec, to_matrix
from churnml.estimators.partner import HazardPartner
from churnml.timeline import DAY_US

__all__ = ["HazardRows"]


@dataclass(frozen=True)
class HazardRows:
    """Snapshots in a fixed order, those without a settled outcome too.

    Parameters
    ----------
    table : pa.Table
        Features.
    durations : Durations
        As known today.
    dates : ndarray of int64, shape (n_rows,)
        Observation dates, microseconds.
    customers : ndarray of int64, shape (n_rows,)
    horizon_days, lead_days, settle_days : float
        Of the outcome; a grace counts as settling.
    settings : mapping
        Arguments of `HazardModel`.
    """

    table: pa.Table
    durations: Durations
    dates: npt.NDArray[np.int64]
    customers: npt.NDArray[np.int64]
    horizon_days: float
    lead_days: float
    settle_days: float
    settings: Mapping[str, Any] = field(default_factory=dict)

    def partner(
        self, spec: FeatureSpec, *, checked: int, tested: int, is_kept: bool, monotone: Mapping[int, int]
    ) -> HazardPartner:
        """Return what a hazard of one fold is learned from.

        Parameters
        ----------
        spec : FeatureSpec
            Of the fold's classifier.
        checked, tested : int
            Dates of the rows that weigh the parts and of those that are scored, microseconds.
        is_kept : bool
            Keep the hazard also where it gets no weight.
        monotone : mapping of int to int
            Matrix columns whose effect may only go up (1) or down (-1).
        """
        before = np.flatnonzero(self.dates < tested)
        return HazardPartner(
            X=to_matrix(self.table.take(pa.array(before)), spec),
            names=spec.names,
            categorical=spec.categorical,
            durations=Durations(self.durations.event_days[before], self.durations.observed_days[before]),
            days=self.dates[before] / DAY_US,
            customers=self.customers[before],
            checked_day=checked / DAY_US,
            tested_day=tested / DAY_US,
            horizon_days=self.horizon_days,
            lead_days=self.lead_days,
            settle_days=self.settle_days,
            settings=dict(self.settings),
            is_kept=is_kept,
            monotone=dict(monotone),
        )
