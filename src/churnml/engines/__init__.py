"""Engines: who runs a function over buckets of whole customers."""
