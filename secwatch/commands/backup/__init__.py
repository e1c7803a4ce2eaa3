"""The `secwatch backup` verbs."""
