"""How good a ranking, a probability, a value or a contact list was: arrays in, numbers out.

All functions take truth, score, what else each customer brings, and options, much as scikit-learn does; ``_score`` is
better upwards, ``_loss`` downwards. Curves are public, and the number is computed from its curve.
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
from churnml.metrics.costs import (
    cost_loss,
    cost_savings_score,
    minimum_risk_contacts,
)
from churnml.metrics.deciles import (
    DecileTable,
    decile_calibration_loss,
    decile_table,
)
from churnml.metrics.delong import (
    AreaDifference,
    delong_interval,
    delong_test,
)
from churnml.metrics.intervals import (
    MAX_REPETITIONS,
    BootstrapInterval,
    bootstrap_difference_interval,
    bootstrap_interval,
)
from churnml.metrics.lead_time import (
    LeadTimeCurve,
    lead_time_curve,
)
from churnml.metrics.maximum_profit import (
    MaximumProfit,
    empb_maximum,
    empb_score,
    empc_maximum,
    empc_score,
)
from churnml.metrics.prediction_intervals import (
    interval_coverage_score,
    interval_width_loss,
    pinball_loss,
    winkler_loss,
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
    gains_curve,
    lift_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from churnml.metrics.survival import (
    concordance_score,
    integrated_brier_loss,
    survival_brier_curve,
)
from churnml.metrics.uplift import (
    auuc_score,
    qini_curve,
    qini_score,
    uplift_at_capacity_score,
    uplift_curve,
)
from churnml.metrics.value import (
    mean_absolute_loss,
    normalised_gini_score,
    root_mean_squared_loss,
    spearman_score,
    top_share_score,
    total_ratio,
)

__all__ = [
    "MAX_REPETITIONS",
    "AreaDifference",
    "BootstrapInterval",
    "CalibrationLine",
    "DecileTable",
    "LeadTimeCurve",
    "MaximumProfit",
    "ReliabilityCurve",
    "auuc_score",
    "average_precision_score",
    "bootstrap_difference_interval",
    "bootstrap_interval",
    "brier_loss",
    "calibration_line",
    "capture_score",
    "concordance_score",
    "cost_loss",
    "cost_savings_score",
    "decile_calibration_loss",
    "decile_table",
    "delong_interval",
    "delong_test",
    "ece_loss",
    "empb_maximum",
    "empb_score",
    "empc_maximum",
    "empc_score",
    "expected_gain",
    "gains_curve",
    "integrated_brier_loss",
    "interval_coverage_score",
    "interval_width_loss",
    "lead_time_curve",
    "lift_score",
    "log_loss",
    "mean_absolute_loss",
    "minimum_risk_contacts",
    "normalised_gini_score",
    "pinball_loss",
    "precision_recall_curve",
    "profit_at_capacity_score",
    "profit_curve",
    "qini_curve",
    "qini_score",
    "reliability_curve",
    "roc_auc_score",
    "roc_curve",
    "root_mean_squared_loss",
    "savings_score",
    "spearman_score",
    "survival_brier_curve",
    "top_share_score",
    "total_ratio",
    "uplift_at_capacity_score",
    "uplift_curve",
    "winkler_loss",
]
