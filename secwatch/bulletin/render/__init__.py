"""Rendering a stored bulletin: one document, several forms, either language."""
