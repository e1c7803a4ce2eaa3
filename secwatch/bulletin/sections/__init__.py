"""The sections of a bulletin: each file writes some of them out of the material."""
