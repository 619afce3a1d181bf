"""Labels: what happened after the observation date, and only there."""
