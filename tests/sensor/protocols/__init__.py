"""Tests of the parsers of protocols."""
