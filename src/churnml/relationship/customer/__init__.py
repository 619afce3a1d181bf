"""One customer's file: what happened, what is open, what they are worth, and how their risk went."""
