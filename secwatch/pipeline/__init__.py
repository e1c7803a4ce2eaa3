"""The loop: sensor batches → lake → detect → store."""
