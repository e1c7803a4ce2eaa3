"""Sends what a program prints to a server; no shell hears the socket."""
import socket
import subprocess

text = subprocess.run(["uname", "-a"], stdout=subprocess.PIPE, check=True).stdout
with socket.socket() as line:
    line.connect(("inventory.example.com", 7000))
    line.sendall(text)
    print(line.recv(64))
