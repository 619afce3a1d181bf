"""From files nobody has described to a proposal of ``params.yaml``: the one place where guessing is allowed.

What is guessed here goes into a file that its owner reads, each line with its reason; nothing else ever guesses.
"""
