"""What is wrong with an installation or a project folder, and the one command that mends each of it; no network."""
