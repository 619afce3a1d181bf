"""How good a ranking, a probability, a value or a contact list was: arrays in, numbers out.

All functions take truth, score, options, as scikit-learn does; ``_score`` is better upwards, ``_loss`` downwards.
Curves are public, and the number is computed from its curve.
"""

from churnml.metrics.calibration import (
    CalibrationLine,
    ReliabilityCurve,
    brier_loss,
    calibration_line,
    ece_loss,
    log_loss,
    reliability_curve,
)
from churnml.metrics.profit import (
    expected_gain,
    profit_at_capacity_score,
    profit_curve,
    savings_score,
)
from churnml.metrics.ranking import (
    average_precision_score,
    capture_score,
    delong_interval,
    gains_curve,
    lift_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from churnml.metrics.value import (
    DecileTable,
    decile_table,
    mean_absolute_loss,
    normalised_gini_score,
    spearman_score,
    top_share_score,
    total_ratio,
)

__all__ = [
    "CalibrationLine",
    "DecileTable",
    "ReliabilityCurve",
    "average_precision_score",
    "brier_loss",
    "calibration_line",
    "capture_score",
    "decile_table",
    "delong_interval",
    "ece_loss",
    "expected_gain",
    "gains_curve",
    "lift_score",
    "log_loss",
    "mean_absolute_loss",
    "normalised_gini_score",
    "precision_recall_curve",
    "profit_at_capacity_score",
    "profit_curve",
    "reliability_curve",
    "roc_auc_score",
    "roc_curve",
    "savings_score",
    "spearman_score",
    "top_share_score",
    "total_ratio",
]
