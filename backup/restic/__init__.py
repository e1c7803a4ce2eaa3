"""The driver of restic, 0.14 to 0.19: arguments in, typed results out, one function per verb of restic's."""
