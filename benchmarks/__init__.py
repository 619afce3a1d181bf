"""What is fast and what stays small, as ratios against a bare limit and against reference programs of the same run."""
