"""Disaster recovery: departments' data, backed up by restic, verified, drilled and proven."""
