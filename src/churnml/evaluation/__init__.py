"""How good the models are on dates they have not seen, beside the simple rules, and whether that is good enough."""
