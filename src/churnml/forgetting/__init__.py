"""A person taken out of everything that a project holds: sources, results, caches, records."""
