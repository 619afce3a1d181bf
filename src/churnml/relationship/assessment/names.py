"""Names of the figures, in the order of the report."""

__all__ = ["FIGURE_NAMES"]

FIGURE_NAMES = (
    *("csat", "nps", "churn", "revenue_churn", "clv", "year_value", "frequency", "repeat", "membership", "referral"),
    *("complaints", "speed", "sla_breach", "reopened", "open", "overdue", "response"),
)
