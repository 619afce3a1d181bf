"""Histories: the contract, the one reader, the checks, and the prepared store of sorted buckets."""
