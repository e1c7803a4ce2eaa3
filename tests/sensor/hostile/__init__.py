"""Hostile input: what the fuzzers of the tests and of bench/fuzz have in common."""
