"""Whether the relationship begins to break: losses and what runs ahead of them, week by week, against what was due."""
