"""Snapshots: who is observed when, and which dates learn, check and score."""
