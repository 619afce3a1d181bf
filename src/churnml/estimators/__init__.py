"""Models of churn and value, and the simple rules they have to beat: arrays and feature tables, never histories."""
