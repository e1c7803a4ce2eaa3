#!/bin/sh
# Port check, copy of a directory, forwarding and a look at a certificate: no shell for anybody.
nc -zv -w 3 192.0.2.1 22
tar cf - /srv/www | nc -q 1 backup.example.com 7000
socat TCP-LISTEN:8080,fork,reuseaddr TCP:192.0.2.8:80
echo | openssl s_client -connect www.example.com:443 -servername www.example.com 2>/dev/null | openssl x509 -noout -enddate
printf 'QUIT\r\n' | telnet mail.example.com 25
