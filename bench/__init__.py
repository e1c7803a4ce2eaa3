"""Benchmarks: whole processes side by side with their peers, in turn, in one run, as ratios."""
