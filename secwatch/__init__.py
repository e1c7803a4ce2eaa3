"""secwatch: early warning and disaster recovery for a city's departments."""

__version__ = "0.1.0"
