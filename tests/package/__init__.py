"""Checks of what we publish. Each takes a path and yields a line per fault; test_package.py runs them all."""
