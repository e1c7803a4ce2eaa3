#!/bin/bash
# One direction only: a script's output to the log host, a label to the printer, a tree from a neighbour.
bash /opt/report/load.sh | nc -w 1 log.example.com 5140
cat label.zpl | nc printer.example.com 9100
nc -l 7000 | tar xf - -C /srv/www
nc -z 192.0.2.8 22 && sh /opt/report/up.sh
