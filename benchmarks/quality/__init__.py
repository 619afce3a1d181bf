"""How good the models are on open data, from a configuration alone, beside simple rules and an expert's figures."""
