"""Features: generated from the roles, by one backward sweep, from rows usable at the observation date."""
