"""secwatch: early warning and disaster recovery for a city's departments."""

import os

__version__ = "0.1.0"

# Nothing here is linear algebra: numpy's OpenBLAS would start a thread for each core, which spins while it waits
# (60 ms of processor time at every start).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
