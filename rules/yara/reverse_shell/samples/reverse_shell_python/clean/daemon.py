"""Goes to the background and reports to the log host: descriptors are turned to the null device."""
import os
import socket

null = os.open(os.devnull, os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(null, number)
log = socket.create_connection(("log.example.com", 514))
log.sendall(b"started\n")
