"""A child process that plays failures by what it is named: it never answers, holds much memory, or ends."""

from __future__ import annotations

import os
import sys
import time

kept = bytearray()
how = os.environ["SECWATCH_FAKE"]
if how == "end":
    sys.exit("no such library")
if how == "eat":
    kept.extend(b"x" * (300 << 20))
if how == "babble":
    import socket

    socket.socket(fileno=int(sys.argv[1])).sendall(b"\xff" * 4096)
time.sleep(60)
