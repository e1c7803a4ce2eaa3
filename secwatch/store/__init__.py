"""All SQLite statements of secwatch, one module per noun, typed in and typed out."""
