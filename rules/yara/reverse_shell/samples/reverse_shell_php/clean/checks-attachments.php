<?php
// Asks the scanner's host about a file and the system about its kind: pipes go to a tool and not to the connection.
$scanner = fsockopen('scanner.example.com', 3310, $number, $text, 5);
fwrite($scanner, "zPING\0");
echo fread($scanner, 64);
$process = proc_open('/usr/bin/file --brief -', [['pipe', 'r'], ['pipe', 'w']], $pipes);
fwrite($pipes[0], $attachment);
fclose($pipes[0]);
echo stream_get_contents($pipes[1]);
