"""The tour: each module has steps, and the docstring of a step says what it shows."""
