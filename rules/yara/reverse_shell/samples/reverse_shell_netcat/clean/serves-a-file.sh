#!/bin/bash
# Serves one text to whoever asks, by a program that is no shell.
ncat -lk 8080 --exec "/usr/bin/cat /srv/page.txt"
