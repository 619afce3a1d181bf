"""Commands: each checks its arguments, calls the flow, and ends with an exit code."""
