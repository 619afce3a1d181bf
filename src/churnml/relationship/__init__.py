"""How relationships with customers stand, what changes did to them, and whether they begin to break."""
