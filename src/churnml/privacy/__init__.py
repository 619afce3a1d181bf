"""Keys outside the project, keyed pseudonyms, and the list of persons who must not come back."""
