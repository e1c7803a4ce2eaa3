<?php
// Runs the night's script with its output in a file and tells the mail host about it.
exec('/bin/sh /opt/backup/run.sh > /var/log/backup.log 2>&1', $lines, $code);
$mail = fsockopen('mail.example.com', 25, $number, $text, 5);
fwrite($mail, "HELO city.example.com\r\n");
echo fgets($mail), $code;
