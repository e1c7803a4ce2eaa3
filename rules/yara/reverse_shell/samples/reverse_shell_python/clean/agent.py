"""Reports the load: a command of the shell is fixed, its output goes through a pipe and is sent."""
import socket
import subprocess

with socket.create_connection(("monitor.example.com", 6556)) as line:
    child = subprocess.Popen(["/bin/sh", "-c", "uptime; df -k"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    line.sendall(child.communicate()[0])
