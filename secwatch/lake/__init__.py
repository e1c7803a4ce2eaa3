"""Columns to Parquet and back: the only place that imports duckdb."""
