"""Why customers were lost: one entry a loss, with what it rests on, what it cost, and goals for the next period."""
