"""Checks of what we publish, beyond what hassfest and the HACS action do. Each takes a path and yields a line per fault."""
