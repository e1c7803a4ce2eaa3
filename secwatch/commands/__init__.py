"""The commands: thin files that parse, call and show."""
