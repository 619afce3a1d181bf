"""One report a period: how relationships with customers stand, for whom, and what has changed."""
