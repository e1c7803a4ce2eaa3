"""Packets in, columns of flows and protocol events out."""
