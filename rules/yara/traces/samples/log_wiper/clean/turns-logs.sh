#!/bin/sh
# Monthly: the record of logins is kept and begun anew, and so is the application's log; history is left alone.
cp /var/log/wtmp /var/log/wtmp.1 && : > /var/log/wtmp
truncate -s 0 /var/log/forms/access.log
tail -n 5 ~/.bash_history
