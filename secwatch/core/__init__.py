"""Pure rules and nouns: no clock, no file, no socket, nothing but the standard library."""
