"""YARA scanning of files: rulebook, walk, engine."""
