"""Trust: who may say what, shown by signatures."""
