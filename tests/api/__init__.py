"""Tests of the service's API: real HTTP, no Home Assistant."""
