"""From scores to decisions: economics, consent, hold-out, and the files that carry a campaign's list."""
