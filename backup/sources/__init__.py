"""What can be backed up: one file per kind of source."""
