"""Proof against leakage: probes that try to make the future show through, and what they found."""
