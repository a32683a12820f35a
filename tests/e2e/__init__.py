"""The whole of it, end to end: a real Home Assistant, and the service simulated beside it."""
