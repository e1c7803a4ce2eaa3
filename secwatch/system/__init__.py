"""The edge that both halves share: configuration, paths, database, processes, console, locks."""
