"""Alerts become early warnings with a level and an owner."""
