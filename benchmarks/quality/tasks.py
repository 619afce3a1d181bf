"""The open tasks: where the data lie, what simple rules and an expert reach on them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TASKS", "Reference", "Task"]


@dataclass(frozen=True, slots=True)
class Reference:
    """Published-here figures of an expert and of the best simple rule, by hand.

    Parameters
    ----------
    auc, log_loss, ece : float
        Of the expert.
    best_rule_auc : float
        Of the best of recency, frequency, tenure, BG/NBD, logistic regression and LightGBM on RFM.
    noise : float
        Half the width of what chance does to the AUC.
    gini, total, best_rule_gini : float or None
        The same for value, where it is asked for: normalised Gini, predicted over actual total.
    """

    auc: float
    log_loss: float
    ece: float
    best_rule_auc: float
    noise: float
    gini: float | None = None
    total: float | None = None
    best_rule_gini: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A folder of data, and the configuration ``benchmarks/quality/<name>/params.yaml``."""

    name: str
    data: str
    expert: Reference


TASKS = (
    Task("o1", "cdnow", Reference(0.770, 0.494, 0.031, 0.769, 0.006, 0.719, 0.84, 0.696)),
    Task("o2", "cdnow", Reference(0.700, 0.618, 0.065, 0.688, 0.010, 0.645, 0.86, 0.628)),
    Task("o3", "uci_online_retail", Reference(0.747, 0.579, 0.074, 0.741, 0.016, 0.789, 0.70, 0.775)),
    Task("o4", "complete_journey_sample", Reference(0.832, 0.259, 0.015, 0.823, 0.020, 0.737, 1.00, 0.715)),
    Task("o5", "eu_saving_unitlinked", Reference(0.642, 0.298, 0.050, 0.640, 0.011)),
    Task("o6", "stackexchange_stats", Reference(0.818, 0.401, 0.013, 0.800, 0.013, 0.828, 1.20, 0.767)),
    Task("o7", "ibm_telco", Reference(0.851, 0.409, 0.009, 0.845, 0.008)),
    Task("o8", "telecom_3333", Reference(0.920, 0.109, 0.018, 0.912, 0.017)),
    Task("o9", "bankchurners", Reference(0.993, 0.074, 0.001, 0.994, 0.001)),
    Task("o10", "tv_subscriptions_costs", Reference(0.726, 0.177, 0.004, 0.695, 0.018)),
)
