"""What a company does once it was warned: what was agreed, and how fast customers are answered."""
