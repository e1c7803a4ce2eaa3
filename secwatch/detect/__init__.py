"""Detections: SQL files over the lake that state findings."""
